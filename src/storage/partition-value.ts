import { assertNever, SkeinError, SqlState } from '../common/index.ts';
import { formatType, quoteLiteral, type SqlType } from '../types/index.ts';

const unpartitionable = new Set(['BLOB', 'BIT', 'VARIANT', 'GEOMETRY', 'JSON', 'INTERVAL', 'NULL']);

/** Whether the values of a type have a spelling in a Delta log that every reader takes for the same. */
export function canPartitionBy(type: SqlType): boolean {
  switch (type.kind) {
    case 'scalar':
      return !unpartitionable.has(type.name);
    case 'decimal':
    case 'enum':
      return true;
    case 'list':
    case 'array':
    case 'map':
    case 'struct':
    case 'union':
      return false;
    default:
      return assertNever(type);
  }
}

/**
 * SQL that spells a partition value as a Delta log does. Timestamps with time zone are in UTC, whatever the session's.
 * @throws SkeinError 0A000 for a type that tables are not partitioned by
 * @see Delta PROTOCOL.md, Partition Value Serialization
 */
export function partitionText(sql: string, type: SqlType): string {
  if (!canPartitionBy(type)) {
    throw new SkeinError(
      SqlState.featureNotSupported,
      `a table cannot be partitioned by ${formatType(type)}`,
    );
  }
  switch (type.kind === 'scalar' ? type.name : type.kind) {
    case 'FLOAT':
    case 'DOUBLE':
      return (
        `CASE WHEN isnan(${sql}) THEN 'NaN' WHEN isinf(${sql}) THEN ` +
        `CASE WHEN ${sql} > 0 THEN 'Infinity' ELSE '-Infinity' END ELSE CAST(${sql} AS VARCHAR) END`
      );
    case 'TIMESTAMP WITH TIME ZONE':
      return (
        `CASE WHEN isinf(${sql}) THEN CAST(${sql} AS VARCHAR) ` +
        `ELSE strftime(timezone('UTC', ${sql}), '%Y-%m-%dT%H:%M:%S.%fZ') END`
      );
    default:
      return `CAST(${sql} AS VARCHAR)`;
  }
}

/**
 * Holds a value that `partitionText` spelled against what a log can say: it has no empty text besides NULL, and its
 * dates and times end where ISO 8601 does.
 * @param name of the column, for the error
 * @throws SkeinError 22003
 * @see Delta PROTOCOL.md, Partition Value Serialization
 */
export function checkPartitionValue(name: string, type: SqlType, text: string | null): void {
  if (text === null) return;
  if (text === '') {
    throw new SkeinError(
      SqlState.numericOutOfRange,
      `an empty text in "${name}": a Delta table that is partitioned by the column cannot tell it from NULL`,
      { hint: `Write NULL: nullif("${name}", '').` },
    );
  }
  const timed = type.kind === 'scalar' && (type.name === 'DATE' || type.name.startsWith('TIMESTAMP'));
  if (!timed || /^\d{4}-[^(]*$/.test(text)) return;
  throw new SkeinError(
    SqlState.numericOutOfRange,
    `${formatType(type)} '${text}' in "${name}": a Delta table can be partitioned by the years 0001 to 9999`,
  );
}

/**
 * SQL of a partition value as a Delta log spells it. An empty text is NULL, whatever the type.
 * @see Delta PROTOCOL.md, Partition Value Serialization
 */
export function partitionValueSql(value: string | undefined, type: SqlType): string {
  const name = formatType(type);
  if (value === undefined || value === '') return `CAST(NULL AS ${name})`;
  if (type.kind === 'scalar') {
    if (type.name === 'VARCHAR') return quoteLiteral(value);
    if (type.name === 'BLOB') return `unhex('${toBytes(value).toString('hex')}')`;
    if (type.name === 'TIMESTAMP WITH TIME ZONE') {
      // Without a zone it is in the writer's, which nobody knows: taken for UTC.
      return `CAST(${quoteLiteral(hasZone(value) ? value : `${value}+00`)} AS ${name})`;
    }
  }
  return `CAST(${quoteLiteral(value)} AS ${name})`;
}

/** Each character is a byte; a text that has others is taken as UTF-8. */
function toBytes(text: string): Buffer {
  const bytes = [...text].every((character) => (character.codePointAt(0) ?? 0) <= 0xff);
  return Buffer.from(text, bytes ? 'latin1' : 'utf8');
}

function hasZone(text: string): boolean {
  return /(Z|[+-]\d\d(:?\d\d)?)$/i.test(text.slice('yyyy-mm-dd'.length));
}
