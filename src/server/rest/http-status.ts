import { type SkeinError, SqlState } from '../../common/index.ts';

/** SQLSTATEs whose HTTP status differs from their class's. */
const byState: Readonly<Record<string, number>> = {
  [SqlState.completionUnknown]: 500,
  [SqlState.insufficientPrivilege]: 403,
  [SqlState.invalidAuthorization]: 401,
  [SqlState.queryCanceled]: 499,
  [SqlState.tooManyQueries]: 429,
  [SqlState.wrongParameterCount]: 400,
  [SqlState.statementTooComplex]: 400,
};

/** HTTP statuses by SQLSTATE class. */
const byClass: Readonly<Record<string, number>> = {
  '08': 503,
  '0A': 400,
  '21': 400,
  '22': 400,
  '23': 400,
  '26': 400,
  '2B': 400,
  '3F': 400,
  '40': 409,
  '42': 400,
  '53': 503,
  '54': 413,
  '55': 409,
  '57': 503,
};

/** The HTTP status of an error of running SQL: 400 where the request is at fault, 500 where nothing tells. */
export function httpStatus(error: SkeinError): number {
  return byState[error.sqlState] ?? byClass[error.sqlState.slice(0, 2)] ?? 500;
}
