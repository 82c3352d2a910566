/**
 * How much must run again before the error can go away.
 * - `never`: deterministic; another try gives the same error.
 * - `task`: the node or the connection failed; run the task elsewhere.
 * - `stage`: inputs of the task are lost or corrupt; recompute the producing tasks named in `details`.
 * - `query`: run the query from the start.
 */
export type RetryScope = 'never' | 'task' | 'stage' | 'query';

export interface SkeinErrorOptions {
  readonly retry?: RetryScope;
  /** Character offset into the SQL text as the user sent it, from 0. */
  readonly position?: number;
  readonly hint?: string;
  /** Facts for programs: strings only, no secrets. */
  readonly details?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** Every error that a user or another process may see. Crosses processes field by field, never as text. */
export class SkeinError extends Error {
  readonly sqlState: string;
  readonly retry: RetryScope;
  readonly position: number | undefined;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, string>>;

  constructor(sqlState: string, message: string, options: SkeinErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SkeinError';
    this.sqlState = sqlState;
    this.retry = options.retry ?? 'never';
    this.position = options.position;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }
}

/** SQLSTATEs that Skein raises; docs/errors.md explains each one. */
export const SqlState = {
  completionUnknown: '40003',
  syntaxError: '42601',
  undefinedTable: '42P01',
  undefinedColumn: '42703',
  undefinedFunction: '42883',
  undefinedObject: '42704',
  duplicateObject: '42710',
  ambiguousColumn: '42702',
  ambiguousTable: '42P09',
  groupingError: '42803',
  datatypeMismatch: '42804',
  windowingError: '42P20',
  duplicateColumn: '42701',
  wrongObjectType: '42809',
  duplicateSchema: '42P06',
  duplicateTable: '42P07',
  invalidDefinition: '42P17',
  undefinedSchema: '3F000',
  dependentObjects: '2BP01',
  serializationFailure: '40001',
  insufficientPrivilege: '42501',
  invalidParameterValue: '22023',
  wrongParameterCount: '08P01',
  connectionFailure: '08006',
  invalidAuthorization: '28000',
  dataException: '22000',
  divisionByZero: '22012',
  numericOutOfRange: '22003',
  invalidTextRepresentation: '22P02',
  invalidRegularExpression: '2201B',
  cardinalityViolation: '21000',
  notNullViolation: '23502',
  checkViolation: '23514',
  generatedAlways: '428C9',
  featureNotSupported: '0A000',
  queryCanceled: '57014',
  adminShutdown: '57P01',
  cannotConnectNow: '57P03',
  insufficientResources: '53000',
  diskFull: '53100',
  outOfMemory: '53200',
  tooManyQueries: '53300',
  limitExceeded: '54000',
  statementTooComplex: '54001',
  notInThisState: '55000',
  ioError: '58030',
  undefinedFile: '58P01',
  dataCorrupted: 'XX001',
  internalError: 'XX000',
} as const;

/** The error of a query that its user canceled. */
export function canceledError(message = 'query canceled at the request of its user'): SkeinError {
  return new SkeinError(SqlState.queryCanceled, message);
}

/** The error that an aborted signal stands for: its reason where that is one of ours, else a cancellation. */
export function abortReason(signal: AbortSignal): SkeinError {
  return signal.reason instanceof SkeinError ? signal.reason : canceledError();
}

/** Gives any thrown value as a SkeinError; unknown ones are bugs of ours (XX000). */
export function toSkeinError(error: unknown): SkeinError {
  if (error instanceof SkeinError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new SkeinError(SqlState.internalError, message, { cause: error });
}
