import { SkeinError, SqlState } from '../../common/index.ts';
import type { VersionAt } from '../../sql/index.ts';
import type { StatementContext } from './statement-context.ts';

/**
 * The version that a clause names; a timestamp is evaluated in the session's time zone.
 * @throws SkeinError 22023 where the timestamp is NULL or infinite
 */
export async function versionOf(
  at: VersionAt,
  context: StatementContext,
): Promise<{ readonly version: number } | { readonly timestampMs: number }> {
  if (at.kind === 'version') return { version: at.version };
  const before = 'SELECT epoch_ms(CAST((';
  const { rows } = await context.runRows({
    sql: `${before}${at.timestamp.sql}) AS TIMESTAMP WITH TIME ZONE))`,
    offset: at.timestamp.offset - before.length,
  });
  const value = rows[0]?.[0];
  const timestampMs = typeof value === 'bigint' ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(timestampMs)) return { timestampMs };
  throw new SkeinError(SqlState.invalidParameterValue, 'the time of a version must be a time', {
    position: at.timestamp.offset,
  });
}
