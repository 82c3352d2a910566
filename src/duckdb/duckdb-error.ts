import { type RetryScope, SkeinError, SqlState, toSkeinError } from '../common/index.ts';

/** What DuckDB says about an error, with `errors_as_json` on or off. */
export interface DuckDbErrorInfo {
  /** DuckDB's exception type: `Conversion`, `Binder`, `Out of Memory` ... */
  readonly type: string;
  readonly message: string;
  /** Byte offset into the SQL that DuckDB was given. */
  readonly position: number | undefined;
  /** Whatever else DuckDB reports: `error_subtype`, `name`, `candidates` ... */
  readonly extra: Readonly<Record<string, string>>;
}

/** Reads an error of the DuckDB binding; undefined when it is not one of DuckDB's. */
export function parseDuckDbError(error: unknown): DuckDbErrorInfo | undefined {
  if (!(error instanceof Error)) return undefined;
  const start = error.message.indexOf('{"exception_type"');
  if (start >= 0) {
    const info = parseJsonError(error.message.slice(start));
    if (info !== undefined) return info;
  }
  const text = /^(?:Failed to extract statements: )?([A-Za-z ]+?) Error: ([\s\S]*)$/.exec(error.message);
  if (text?.[1] === undefined || text[2] === undefined) return undefined;
  const message = text[2].replace(/\n\nLINE \d+:[\s\S]*$/, '');
  return { type: text[1], message, position: undefined, extra: {} };
}

function parseJsonError(text: string): DuckDbErrorInfo | undefined {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof fields !== 'object' || fields === null) return undefined;
  const {
    exception_type: type,
    exception_message: message,
    position,
    ...extra
  } = fields as Record<string, string>;
  return {
    type: type ?? 'INTERNAL',
    message: message ?? text,
    position: position === undefined ? undefined : Number(position),
    extra,
  };
}

/**
 * Gives an error of DuckDB as a SkeinError: its SQLSTATE, whether another try can help, and the file it is about
 * in `details.path`. Errors that are not DuckDB's come back as `toSkeinError` gives them.
 */
export function toSkeinDuckDbError(error: unknown): SkeinError {
  if (error instanceof SkeinError) return error;
  const info = parseDuckDbError(error);
  if (info === undefined) return toSkeinError(error);
  const [sqlState, retry] = classify(info);
  const path = /"([^"\n]*\/[^"\n]*)"|'([^'\n]*\/[^'\n]*)'/.exec(info.message);
  const details: Record<string, string> = { duckdbType: info.type };
  const file = path?.[1] ?? path?.[2];
  if (file !== undefined) details.path = file;
  return new SkeinError(sqlState, info.message, { retry, details, cause: error });
}

/** The SQLSTATE of an error of DuckDB's. */
export function sqlStateOf(info: DuckDbErrorInfo): string {
  return classify(info)[0];
}

function classify({ type, message, extra }: DuckDbErrorInfo): readonly [string, RetryScope] {
  switch (type) {
    case 'Conversion':
      return [
        /out of range|overflow/i.test(message)
          ? SqlState.numericOutOfRange
          : SqlState.invalidTextRepresentation,
        'never',
      ];
    case 'Out of Range':
      return [SqlState.numericOutOfRange, 'never'];
    case 'Divide by Zero':
      return [SqlState.divisionByZero, 'never'];
    case 'Invalid Input':
    case 'Serialization':
      return [classifyInput(message), 'never'];
    case 'Out of Memory':
      return [/temp_directory/.test(message) ? SqlState.diskFull : SqlState.outOfMemory, 'task'];
    case 'IO':
      return classifyIo(message);
    case 'INTERRUPT':
      return [SqlState.queryCanceled, 'never'];
    case 'Permission':
      return [SqlState.insufficientPrivilege, 'never'];
    case 'Parser':
    case 'Syntax':
      return [SqlState.syntaxError, 'never'];
    case 'Catalog':
      return [classifyCatalog(extra.type ?? ''), 'never'];
    case 'Binder':
      return [classifyBinder(message, extra.error_subtype ?? ''), 'never'];
    case 'Mismatch Type':
      return [SqlState.datatypeMismatch, 'never'];
    case 'Not implemented':
      return [SqlState.featureNotSupported, 'never'];
    case 'FATAL':
      // The instance is unusable from here on; another worker's is not.
      return [SqlState.internalError, 'task'];
    default:
      return [SqlState.internalError, 'never'];
  }
}

/** RE2's messages, which DuckDB hands on bare. */
const invalidRegex =
  /^(missing [)\]]|unexpected \)|trailing \\|bad repetition|no argument for repetition|invalid (escape sequence|character class|perl operator|named capture|repetition))/;

function classifyInput(message: string): string {
  if (/more than one row returned by a subquery/i.test(message)) return SqlState.cardinalityViolation;
  if (invalidRegex.test(message)) return SqlState.invalidRegularExpression;
  if (/parquet|magic bytes|snappy|corrupt/i.test(message)) return SqlState.dataCorrupted;
  if (/configuration option/.test(message)) return SqlState.insufficientPrivilege;
  return SqlState.dataException;
}

function classifyIo(message: string): readonly [string, RetryScope] {
  if (/no space left|disk quota/i.test(message)) return [SqlState.diskFull, 'task'];
  if (/no files found|no such file/i.test(message)) return [SqlState.undefinedFile, 'never'];
  if (/too small to be a parquet|magic bytes|could not read enough bytes|corrupt/i.test(message))
    return [SqlState.dataCorrupted, 'never'];
  return [SqlState.ioError, 'task'];
}

function classifyCatalog(entryType: string): string {
  if (entryType === 'Table' || entryType === 'View') return SqlState.undefinedTable;
  return entryType.includes('Function') ? SqlState.undefinedFunction : SqlState.undefinedObject;
}

function classifyBinder(message: string, subtype: string): string {
  if (
    subtype === 'COLUMN_NOT_FOUND' ||
    /^Referenced column|^Table does not contain column|does not have a column named/.test(message)
  )
    return SqlState.undefinedColumn;
  if (/must appear in the GROUP BY|cannot be nested|cannot contain aggregates/.test(message))
    return SqlState.groupingError;
  if (/cannot contain window functions/.test(message)) return SqlState.windowingError;
  if (/^Ambiguous reference/.test(message)) return SqlState.ambiguousColumn;
  if (subtype === 'NO_MATCHING_FUNCTION' || /^No function matches/.test(message))
    return SqlState.undefinedFunction;
  if (/cannot compare values of type|cannot (mix|combine) values of type|type mismatch/i.test(message))
    return SqlState.datatypeMismatch;
  return SqlState.syntaxError;
}
