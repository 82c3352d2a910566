import { SkeinError, SqlState } from '../common/index.ts';
import type { QueryStatement, Statement } from '../sql/index.ts';

/**
 * The query that a statement asks for, or asks to be explained.
 * @throws SkeinError 0A000 where the statement is no query
 */
export function queryOf(statement: Statement): QueryStatement {
  const inner = statement.kind === 'explain' ? statement.statement : statement;
  if (inner.kind === 'query') return inner;
  throw new SkeinError(SqlState.featureNotSupported, 'such a statement is no query', {
    position: 0,
  });
}
