import type { ColumnMetaData, ParquetParsers, SchemaElement } from 'hyparquet';
import { type SqlType, scalar } from '../../types/index.ts';
import type { OrderedValue } from '../prune/ordered-value.ts';

/** What a footer says of the values of a column in a row group. */
export interface ColumnBounds {
  /** As the file stores them. */
  readonly type: SqlType;
  /** Undefined where it is not said. */
  readonly nulls: number | undefined;
  /** NULLs too. */
  readonly values: number;
  /** Bounds, which need not be values. */
  readonly min: OrderedValue | undefined;
  readonly max: OrderedValue | undefined;
}

/** Keep what JavaScript's own types would round: bytes of texts, days and microseconds. */
export const exactParsers: Partial<ParquetParsers> = {
  stringFromBytes: (bytes: Uint8Array) => Uint8Array.from(bytes),
  dateFromDays: (days: number) => days,
  timestampFromMilliseconds: (ms: bigint) => ms * 1000n,
  timestampFromMicroseconds: (micros: bigint) => micros,
  timestampFromNanoseconds: () => undefined,
};

const dayMicros = 86_400_000_000n;

/**
 * @returns undefined for types whose order in files is not known here
 * @see Parquet Format, Statistics: of `min` and `max`, which older writers left, the order of texts is not known
 */
export function chunkBounds(element: SchemaElement, meta: ColumnMetaData): ColumnBounds | undefined {
  const type = storedType(element);
  if (type === undefined || element.repetition_type === 'REPEATED') return undefined;
  const { statistics: found } = meta;
  const bound = (value: unknown): OrderedValue | undefined => toOrdered(value, type);
  return {
    type,
    nulls: found?.null_count === undefined ? undefined : Number(found.null_count),
    values: Number(meta.num_values),
    min: bound(found?.min_value),
    max: bound(found?.max_value),
  };
}

function storedType({
  type,
  converted_type: converted,
  logical_type: logical,
}: SchemaElement): SqlType | undefined {
  if (type === 'BOOLEAN') return scalar('BOOLEAN');
  if (type === 'BYTE_ARRAY') {
    return converted === 'UTF8' || logical?.type === 'STRING' ? scalar('VARCHAR') : undefined;
  }
  if (type !== 'INT32' && type !== 'INT64') return undefined;
  if (converted === 'DATE' || logical?.type === 'DATE') return scalar('DATE');
  if (logical?.type === 'TIMESTAMP') {
    return scalar(logical.isAdjustedToUTC ? 'TIMESTAMP WITH TIME ZONE' : 'TIMESTAMP');
  }
  const isInteger = converted === undefined || /^U?INT_/.test(converted);
  return isInteger && (logical === undefined || logical.type === 'INTEGER') ? scalar('HUGEINT') : undefined;
}

function toOrdered(value: unknown, type: SqlType): OrderedValue | undefined {
  const name = type.kind === 'scalar' ? type.name : '';
  if (value instanceof Uint8Array) return name === 'VARCHAR' ? { kind: 'text', bytes: value } : undefined;
  if (typeof value === 'boolean') return { kind: 'number', units: value ? 1n : 0n, scale: 0 };
  if (typeof value !== 'number' && typeof value !== 'bigint') return undefined;
  if (typeof value === 'number' && !Number.isSafeInteger(value)) return undefined;
  switch (name) {
    case 'HUGEINT':
      return { kind: 'number', units: BigInt(value), scale: 0 };
    case 'DATE':
      return { kind: 'time', micros: BigInt(value) * dayMicros };
    case 'TIMESTAMP':
    case 'TIMESTAMP WITH TIME ZONE':
      return { kind: 'time', micros: BigInt(value) };
    default:
      return undefined;
  }
}
