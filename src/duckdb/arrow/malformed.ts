import { SkeinError, SqlState } from '../../common/index.ts';

/** The error of bytes that are no Arrow stream. */
export function malformed(what: string): SkeinError {
  return new SkeinError(SqlState.invalidParameterValue, `the body is no whole Arrow stream: it has ${what}`);
}
