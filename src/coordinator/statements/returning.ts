import type { Span } from '../../sql/index.ts';
import type { TableSnapshot } from '../../storage/index.ts';
import { quoteIdentifier } from '../../types/index.ts';
import type { StatementQuery } from './statement-context.ts';

const key = 'skein_statement.returned';

/**
 * What RETURNING asks of some rows.
 * @param relation the rows, as a table of the given key
 * @param from what the statement calls the table, and which of the rows are meant
 */
export function returningQuery(
  returning: Span,
  relation: (key: string) => TableSnapshot,
  { name, condition }: { readonly name: string; readonly condition: Span | undefined },
): StatementQuery & Required<Pick<StatementQuery, 'tables'>> {
  const where = condition === undefined ? '' : ` WHERE (${condition.sql})`;
  return {
    sql: `SELECT ${returning.sql} FROM ${key} AS ${quoteIdentifier(name)}${where}`,
    offset: undefined,
    spans: condition === undefined ? [returning] : [returning, condition],
    tables: new Map([[key, relation(key)]]),
  };
}
