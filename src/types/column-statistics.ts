import { integerTypes, type SqlType } from './sql-type.ts';

/** What a table's files say of a column. For estimates only: writers of files may be wrong, or keep silent. */
export interface ColumnStatistics {
  /** Bytes in the files. */
  readonly bytes: number;
  /** Different values, at most about. */
  readonly distinct: number | undefined;
  /** Smallest and largest value as `statisticValue` has them. */
  readonly min: number | undefined;
  readonly max: number | undefined;
}

const times = new Set(['DATE', 'TIMESTAMP', 'TIMESTAMP_S', 'TIMESTAMP_MS', 'TIMESTAMP_NS']);

/** How far apart two values of the type are at least: 1 of integers, a day of dates. Undefined where that is nothing. */
export function statisticStep(type: SqlType): number | undefined {
  if (type.kind !== 'scalar') return undefined;
  if (integerTypes.has(type.name)) return 1;
  return type.name === 'DATE' ? 86_400 : undefined;
}

/**
 * A value's place on the number line: numbers as they are, dates and timestamps in seconds since 1970. Undefined for
 * types without one.
 * @param text the value in DuckDB's spelling
 */
export function statisticValue(text: string, type: SqlType): number | undefined {
  const isTime = type.kind === 'scalar' && times.has(type.name);
  const isNumber =
    type.kind === 'decimal' ||
    (type.kind === 'scalar' &&
      (integerTypes.has(type.name) || type.name === 'DOUBLE' || type.name === 'FLOAT'));
  if (!isTime && !isNumber) return undefined;
  const value = isTime
    ? Date.parse(`${text.trim().replace(' ', 'T')}${text.includes(':') ? 'Z' : ''}`) / 1000
    : Number(text);
  return Number.isFinite(value) ? value : undefined;
}
