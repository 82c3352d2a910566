import { SkeinError, SqlState } from '../../common/index.ts';
import { type ObjectName, parseStatement } from '../../sql/index.ts';

const prefix = 'TRUNCATE TABLE ';

/** `table`, `schema.table` or `"My Table"`. @throws SkeinError 22023 for anything else */
export function parseTableName(text: string): ObjectName {
  try {
    const statement = parseStatement(prefix + text);
    if (statement.kind === 'truncate') return { ...statement.table, offset: 0 };
  } catch {
    // Said below.
  }
  throw new SkeinError(SqlState.invalidParameterValue, `not the name of a table: ${text}`, {
    hint: 'It is written as in SQL: t, schema.t or "My Table".',
  });
}
