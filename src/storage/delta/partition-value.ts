import { SkeinError, SqlState } from '../../common/index.ts';
import { formatBlob, formatType, parseBlob, quoteLiteral, type SqlType } from '../../types/index.ts';

/** Name of the folder value of NULL, as Hive has it. */
const hiveNull = '__HIVE_DEFAULT_PARTITION__';

/**
 * A value of a partition column as the log has it. An empty text is NULL there: the protocol knows no other.
 * @param type as the data files would have it
 * @param value as DuckDB casts it to VARCHAR, in any time zone; null: NULL
 * @throws SkeinError 22003 for a value that the protocol cannot spell: infinite dates and times, years BC; 0A000 for
 *   bytes that are no UTF-8, and for a nested type
 * @see Delta PROTOCOL.md, Partition Value Serialization
 */
export function serializePartitionValue(type: SqlType, value: string | null): string | null {
  if (value === null || value === '') return null;
  if (type.kind !== 'scalar') {
    if (type.kind === 'decimal' || type.kind === 'enum') return value;
    throw new SkeinError(
      SqlState.featureNotSupported,
      `a column of type ${formatType(type)} cannot partition`,
    );
  }
  switch (type.name) {
    case 'FLOAT':
    case 'DOUBLE':
      return { inf: 'Infinity', '-inf': '-Infinity', nan: 'NaN', '-nan': 'NaN' }[value] ?? value;
    case 'DATE':
      return finite(type, value);
    case 'TIMESTAMP':
    case 'TIMESTAMP_S':
    case 'TIMESTAMP_MS':
      return withMicroseconds(finite(type, value));
    case 'TIMESTAMP WITH TIME ZONE':
      return toUtc(type, value);
    case 'BLOB':
      return blobText(value);
    default:
      return value;
  }
}

/**
 * A partition value of the log as an SQL literal of the type.
 * @throws SkeinError 0A000 for a nested type
 */
export function partitionValueToSql(type: SqlType, value: string | null): string {
  const sqlType = formatType(type);
  if (value === null || value === '') return `NULL::${sqlType}`;
  if (type.kind === 'scalar' && type.name === 'BLOB') {
    return `${quoteLiteral(formatBlob(Buffer.from(value, 'utf8')))}::BLOB`;
  }
  if (type.kind === 'scalar' && type.name === 'TIMESTAMP WITH TIME ZONE') {
    // Without a zone it is in the writer's, which nobody knows: taken for UTC.
    const zoned = /(?:Z|[+-]\d\d(?::?\d\d)?(?::\d\d)?)$/i.test(value.replace(/^.{10}/, ''));
    return `${quoteLiteral(zoned ? value : `${value}+00`)}::${sqlType}`;
  }
  return `${quoteLiteral(value)}::${sqlType}`;
}

function finite(type: SqlType, value: string): string {
  if (!/^-?infinity$|\(BC\)/i.test(value)) return value;
  throw new SkeinError(
    SqlState.numericOutOfRange,
    `${formatType(type)} '${value}' cannot be the value of a partition column`,
  );
}

/** A second's fraction has six digits or none. */
function withMicroseconds(value: string): string {
  const [whole = '', fraction] = value.split('.');
  return fraction === undefined ? whole : `${whole}.${fraction.padEnd(6, '0')}`;
}

/** `2020-01-02 03:04:05.1-05` -> `2020-01-02T08:04:05.100000Z` */
function toUtc(type: SqlType, value: string): string {
  const text = finite(type, value);
  const parts = /^(\d+-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))?([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?$/.exec(
    text,
  );
  const [, date, time, fraction = '', sign, hours, minutes = '0', seconds = '0'] = parts ?? [];
  if (date === undefined || time === undefined) {
    throw new SkeinError(SqlState.invalidTextRepresentation, `'${value}' is no timestamp with a time zone`);
  }
  const offset = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  const [year = '', month, day] = date.split('-');
  const [hour, minute, second] = time.split(':');
  const utc = new Date(0);
  utc.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  utc.setUTCHours(Number(hour), Number(minute), Number(second) - (sign === '-' ? -offset : offset));
  const fullYear = String(utc.getUTCFullYear()).padStart(4, '0');
  const rest = utc
    .toISOString()
    .replace(/^[+-]?\d+-/, '')
    .slice(0, 14);
  return `${fullYear}-${rest}.${fraction.padEnd(6, '0')}Z`;
}

/** The log has characters, not bytes. Writers agree on UTF-8; other bytes they read differently. */
function blobText(value: string): string {
  const bytes = parseBlob(value);
  const decoded = Buffer.from(bytes).toString('utf8');
  if (Buffer.from(decoded, 'utf8').equals(bytes)) return decoded;
  throw new SkeinError(
    SqlState.featureNotSupported,
    'a BLOB that is no UTF-8 cannot be the value of a partition column',
  );
}

/** Besides control characters. */
const unsafeInFolders = '"#%\'*/:=?\\{[]^';

/**
 * The folder of a partition below the table, ending in `/`; empty without partition columns. Only a convention: readers
 * go by the log.
 */
export function partitionFolder(
  names: readonly string[],
  values: Readonly<Record<string, string | null>>,
): string {
  return names
    .map((name) => {
      const value = values[name];
      const text = value === null || value === undefined || value === '' ? hiveNull : escapeFolder(value);
      return `${escapeFolder(name)}=${text}/`;
    })
    .join('');
}

function escapeFolder(text: string): string {
  return [...text]
    .map((char) => {
      const code = char.charCodeAt(0);
      const safe = code >= 0x20 && code !== 0x7f && !unsafeInFolders.includes(char);
      return safe ? char : `%${code.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}
