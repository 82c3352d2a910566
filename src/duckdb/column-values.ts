import {
  DuckDBArrayVector,
  DuckDBBigIntVector,
  type DuckDBBitValue,
  type DuckDBBlobValue,
  DuckDBDateVector,
  DuckDBDecimal16Vector,
  DuckDBDecimal32Vector,
  DuckDBDecimal64Vector,
  DuckDBDecimal128Vector,
  DuckDBDoubleVector,
  DuckDBFloatVector,
  DuckDBIntegerVector,
  type DuckDBIntervalValue,
  DuckDBListVector,
  DuckDBMapVector,
  DuckDBSmallIntVector,
  DuckDBStructVector,
  DuckDBTimeNSVector,
  DuckDBTimestampMillisecondsVector,
  DuckDBTimestampNanosecondsVector,
  DuckDBTimestampSecondsVector,
  DuckDBTimestampVector,
  type DuckDBTimeTZValue,
  DuckDBTimeVector,
  DuckDBTinyIntVector,
  DuckDBUBigIntVector,
  DuckDBUIntegerVector,
  DuckDBUnionVector,
  DuckDBUSmallIntVector,
  DuckDBUTinyIntVector,
  DuckDBVarCharVector,
  type DuckDBVector,
} from '@duckdb/node-api';
import { assert } from '../common/index.ts';
import { type Column, isUnnamedStruct, type SqlType, type SqlValue } from '../types/index.ts';
import {
  formatDate,
  formatDecimal,
  formatInterval,
  formatOffset,
  formatTime,
  formatTimestamp,
} from './format-time.ts';

/**
 * Gives a column of a DuckDB chunk as SqlValues, copied out of DuckDB's memory.
 * @param type what `fromDuckDbType` gave for the vector's type; TIMESTAMP WITH TIME ZONE, VARIANT and GEOMETRY must
 *   have been cast to VARCHAR by DuckDB, which alone knows their spelling
 */
export function columnValues(vector: DuckDBVector, type: SqlType): SqlValue[] {
  const rowCount = vector.itemCount;
  const values = new Array<SqlValue>(rowCount);
  const read = valueReader(vector, type);
  for (let row = 0; row < rowCount; row++) values[row] = read(row);
  return values;
}

type ValueReader = (row: number) => SqlValue;

/**
 * The binding's vectors keep their typed arrays to themselves, and their `getItem` makes an object a value. Those
 * fields are read here by name, which holds for the one version of the binding that package.json pins.
 */
interface VectorInternals {
  readonly items: Int32Array | BigInt64Array | Float64Array;
  readonly validity: Validity;
  readonly dataView: DataView;
  readonly decimalType: { readonly width: number; readonly scale: number };
  readonly childData: DuckDBVector;
  readonly listVector: DuckDBListVector;
  readonly structVector: DuckDBStructVector;
}

interface Validity {
  readonly data: BigUint64Array | null;
}

function internals(vector: DuckDBVector): VectorInternals {
  return vector as unknown as VectorInternals;
}

/** Undefined when no row is NULL. */
function nullTest(validity: Validity): ((row: number) => boolean) | undefined {
  if (validity.data === null) return undefined;
  const words = new Uint32Array(validity.data.buffer, validity.data.byteOffset, validity.data.length * 2);
  return (row) => ((words[row >>> 5] ?? 0) & (1 << (row & 31))) === 0;
}

function nullable(validity: Validity, read: ValueReader): ValueReader {
  const isNull = nullTest(validity);
  return isNull === undefined ? read : (row) => (isNull(row) ? null : read(row));
}

function valueReader(vector: DuckDBVector, type: SqlType): ValueReader {
  return numberReader(vector) ?? timeReader(vector) ?? nestedReader(vector, type) ?? itemReader(vector, type);
}

function numberReader(vector: DuckDBVector): ValueReader | undefined {
  if (
    vector instanceof DuckDBIntegerVector ||
    vector instanceof DuckDBBigIntVector ||
    vector instanceof DuckDBDoubleVector ||
    vector instanceof DuckDBFloatVector ||
    vector instanceof DuckDBTinyIntVector ||
    vector instanceof DuckDBSmallIntVector ||
    vector instanceof DuckDBUTinyIntVector ||
    vector instanceof DuckDBUSmallIntVector ||
    vector instanceof DuckDBUIntegerVector ||
    vector instanceof DuckDBUBigIntVector
  ) {
    const { items, validity } = internals(vector);
    return nullable(validity, (row) => items[row] ?? null);
  }
  if (
    vector instanceof DuckDBDecimal16Vector ||
    vector instanceof DuckDBDecimal32Vector ||
    vector instanceof DuckDBDecimal64Vector ||
    vector instanceof DuckDBDecimal128Vector
  ) {
    const { width, scale } = internals(vector).decimalType;
    return (row) => {
      const scaled = vector.getScaledValue(row);
      return scaled === null ? null : formatDecimal(BigInt(scaled), width, scale);
    };
  }
  return undefined;
}

function timeReader(vector: DuckDBVector): ValueReader | undefined {
  if (vector instanceof DuckDBDateVector) {
    const { items, validity } = internals(vector);
    return nullable(validity, (row) => formatDate(Number(items[row])));
  }
  if (vector instanceof DuckDBTimestampVector)
    return countReader(vector, (count) => formatTimestamp(count, 6));
  if (vector instanceof DuckDBTimestampSecondsVector)
    return countReader(vector, (count) => formatTimestamp(count, 0));
  if (vector instanceof DuckDBTimestampMillisecondsVector)
    return countReader(vector, (count) => formatTimestamp(count, 3));
  if (vector instanceof DuckDBTimestampNanosecondsVector)
    return countReader(vector, (count) => formatTimestamp(count, 9));
  if (vector instanceof DuckDBTimeVector) return countReader(vector, (count) => formatTime(count, 6));
  if (vector instanceof DuckDBTimeNSVector) return countReader(vector, (count) => formatTime(count, 9));
  return undefined;
}

function countReader(vector: DuckDBVector, format: (count: bigint) => string): ValueReader {
  const { items, validity } = internals(vector);
  return nullable(validity, (row) => format(BigInt(items[row] ?? 0)));
}

function nestedReader(vector: DuckDBVector, type: SqlType): ValueReader | undefined {
  if (vector instanceof DuckDBListVector) {
    assert(type.kind === 'list', 'a LIST vector has a list type');
    return listReader(vector, valueReader(vector.childVector, type.element));
  }
  if (vector instanceof DuckDBArrayVector) {
    assert(type.kind === 'array', 'an ARRAY vector has an array type');
    const { length } = type;
    const element = valueReader(internals(vector).childData, type.element);
    return nullable(internals(vector).validity, (row) =>
      Array.from({ length }, (_, index) => element(row * length + index)),
    );
  }
  if (vector instanceof DuckDBStructVector) {
    assert(type.kind === 'struct', 'a STRUCT vector has a struct type');
    return structReader(vector, type.fields);
  }
  if (vector instanceof DuckDBMapVector) {
    assert(type.kind === 'map', 'a MAP vector has a map type');
    const list = internals(vector).listVector;
    const entries = list.childVector;
    assert(entries instanceof DuckDBStructVector, 'a MAP vector is a list of structs');
    const key = valueReader(entries.entryVectorAt(0), type.key);
    const value = valueReader(entries.entryVectorAt(1), type.value);
    return listReader(list, (row) => [key(row), value(row)]);
  }
  if (vector instanceof DuckDBUnionVector) {
    assert(type.kind === 'union', 'a UNION vector has a union type');
    const struct = internals(vector).structVector;
    const tag = valueReader(struct.entryVectorAt(0), type);
    const members = type.members.map((member, index) => ({
      name: member.name,
      read: valueReader(struct.entryVectorAt(index + 1), member.type),
    }));
    return nullable(internals(struct).validity, (row) => {
      const member = members[Number(tag(row) ?? -1)];
      return member === undefined ? null : { tag: member.name, value: member.read(row) };
    });
  }
  return undefined;
}

function listReader(vector: DuckDBListVector, element: ValueReader): ValueReader {
  return nullable(internals(vector).validity, (row) => {
    const offset = vector.getEntryOffset(row);
    return Array.from({ length: vector.getEntryLength(row) }, (_, index) => element(offset + index));
  });
}

/** An object; an array for a struct without field names (`row(1, 2)`). */
function structReader(vector: DuckDBStructVector, fields: readonly Column[]): ValueReader {
  const readers = fields.map((field, index) => valueReader(vector.entryVectorAt(index), field.type));
  const { validity } = internals(vector);
  if (isUnnamedStruct(fields)) return nullable(validity, (row) => readers.map((read) => read(row)));
  return nullable(validity, (row) =>
    Object.fromEntries(fields.map(({ name }, index) => [name, readers[index]?.(row) ?? null])),
  );
}

function itemReader(vector: DuckDBVector, type: SqlType): ValueReader {
  if (vector instanceof DuckDBVarCharVector) return textReader(vector);
  assert(type.kind === 'scalar' || type.kind === 'enum', 'nested vectors have their own readers');
  const name = type.kind === 'enum' ? 'ENUM' : type.name;
  const show = itemFormat(name);
  return (row) => {
    const item: unknown = vector.getItem(row);
    return item === null ? null : show(item);
  };
}

/** Strings of up to 12 bytes lie in the vector itself: byte count, then the bytes. */
function textReader(vector: DuckDBVarCharVector): ValueReader {
  const view = internals(vector).dataView;
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  return nullable(internals(vector).validity, (row) => {
    const start = row * 16;
    const byteCount = bytes.readUInt32LE(start);
    return byteCount <= 12 ? bytes.toString('utf8', start + 4, start + 4 + byteCount) : vector.getItem(row);
  });
}

function itemFormat(name: string): (item: unknown) => SqlValue {
  switch (name) {
    case 'BLOB':
      return (item) => new Uint8Array((item as DuckDBBlobValue).bytes);
    case 'BIT':
      return (item) => (item as DuckDBBitValue).toString();
    case 'INTERVAL':
      return (item) => {
        const { months, days, micros } = item as DuckDBIntervalValue;
        return formatInterval(months, days, micros);
      };
    case 'TIME WITH TIME ZONE':
      return (item) => {
        const { micros, offset } = item as DuckDBTimeTZValue;
        return formatTime(micros, 6) + formatOffset(offset);
      };
    case 'UUID':
      return (item) => String(item);
    case 'BOOLEAN':
    case 'HUGEINT':
    case 'UHUGEINT':
    case 'BIGNUM':
    case 'ENUM':
      return (item) => item as boolean | bigint | string;
    default:
      throw new Error(`no reader for a vector of ${name}`);
  }
}
