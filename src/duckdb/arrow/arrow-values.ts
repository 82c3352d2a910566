import {
  blobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBTimeNSValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  type DuckDBValue,
  listValue,
  mapValue,
  structValue,
} from '@duckdb/node-api';
import { assertNever, SkeinError, SqlState } from '../../common/index.ts';
import type { ArrowType, Offsets } from './arrow-field.ts';
import type { ArrowColumn } from './arrow-stream.ts';
import { malformed } from './malformed.ts';

const msPerDay = 86_400_000;
const nanosPerDay = 86_400_000_000_000n;
const largestMicros = 2n ** 63n - 1n;
/** Bytes of a value's slot among the views of texts and bytes, and how long one may be to lie in it. */
const viewBytes = 16;
const inlineBytes = 12;

/** Gives the value of a row that is not NULL. */
type ValueAt = (row: number) => DuckDBValue;
/** Where the value of a row begins and ends among bytes or children. */
type RangeAt = (row: number) => readonly [from: number, to: number];

/**
 * Reads values out of Arrow's buffers. Nothing that a buffer says is believed: offsets and lengths are held against what
 * is there, text is held to be UTF-8.
 */
export class ArrowValues {
  readonly #text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  readonly #dictionaries = new Map<readonly ArrowColumn[], readonly DuckDBValue[]>();
  #bytesLeft: number;

  /** @param maxBytes that all values may have together: dictionaries and lists make much of few bytes */
  constructor(maxBytes: number) {
    this.#bytesLeft = maxBytes;
  }

  /** Values of the rows `from` up to `to`. @throws SkeinError 22023, 22003; 54000 for more than `maxBytes` */
  read(column: ArrowColumn, from: number, to: number): readonly DuckDBValue[] {
    if (to > column.length) throw malformed('rows beyond the end of a column');
    this.#take(to - from);
    const { validity } = column;
    const value = column.dictionary === undefined ? this.#valueAt(column) : this.#indexed(column);
    return Array.from({ length: to - from }, (_, index) =>
      validity === undefined || bitAt(validity, from + index) ? value(from + index) : null,
    );
  }

  #take(bytes: number): void {
    this.#bytesLeft -= bytes;
    if (this.#bytesLeft >= 0) return;
    throw new SkeinError(SqlState.limitExceeded, 'the values of the Arrow stream are too large together', {
      hint: 'Send fewer rows at once, or load a file: POST /data/load.',
    });
  }

  #valueAt(column: ArrowColumn): ValueAt {
    const { field, children } = column;
    const { type } = field;
    switch (type.kind) {
      case 'null':
        return () => null;
      case 'bool': {
        const bits = bufferOf(column, 0, Math.ceil(column.length / 8));
        return (row) => bitAt(bits, row);
      }
      case 'int':
        return integerAt(column, type);
      case 'float':
        return floatAt(column, type.bits);
      case 'decimal':
        return decimalAt(column, type);
      case 'date':
      case 'time':
      case 'timestamp':
        return timeAt(column, type);
      case 'text': {
        const bytes = this.#bytesAt(column, type.layout);
        return (row) => this.#decode(bytes(row));
      }
      case 'bytes': {
        const bytes = this.#bytesAt(column, type.layout);
        return (row) => blobValue(bytes(row));
      }
      case 'fixedBytes': {
        const bytes = this.#bytesAt(column, type.width);
        return (row) => blobValue(bytes(row));
      }
      case 'list':
      case 'fixedList': {
        const range = type.kind === 'list' ? rangeAt(column, type.layout) : fixedRange(type.size);
        return (row) => listValue(this.read(childOf(children, 0), ...range(row)));
      }
      case 'struct':
        return (row) =>
          structValue(
            Object.fromEntries(
              children.map((child) => [child.field.name, this.read(child, row, row + 1)[0] ?? null]),
            ),
          );
      case 'map':
        return this.#mapAt(column);
      default:
        return assertNever(type);
    }
  }

  #bytesAt(column: ArrowColumn, layout: Offsets | 'views' | number): (row: number) => Uint8Array {
    const slice = layout === 'views' ? viewAt(column) : sliceAt(column, layout);
    return (row) => {
      const bytes = slice(row);
      this.#take(bytes.byteLength);
      return bytes;
    };
  }

  #decode(bytes: Uint8Array): string {
    try {
      return this.#text.decode(bytes);
    } catch {
      throw malformed('a text that is no UTF-8');
    }
  }

  #indexed({ field, length, buffers, dictionary = [] }: ArrowColumn): ValueAt {
    const index = field.dictionary?.index ?? { kind: 'int', bits: 32, signed: true };
    const indexAt = integerAt({ buffers, length }, index);
    let values = this.#dictionaries.get(dictionary);
    if (values === undefined) {
      values = dictionary.flatMap((part) => this.read(part, 0, part.length));
      this.#dictionaries.set(dictionary, values);
    }
    const known = values;
    return (row) => {
      const value = known[Number(indexAt(row))];
      if (value === undefined) throw malformed('an index beyond the end of its dictionary');
      this.#take(sizeOf(value));
      return value;
    };
  }

  #mapAt(column: ArrowColumn): ValueAt {
    const entries = childOf(column.children, 0);
    const range = rangeAt(column, 'offsets32');
    return (row) => {
      const [from, to] = range(row);
      if (to > entries.length) throw malformed('rows beyond the end of a column');
      const keys = this.read(childOf(entries.children, 0), from, to);
      const values = this.read(childOf(entries.children, 1), from, to);
      if (keys.includes(null)) throw malformed('a map with a key that is NULL');
      if (new Set(keys.map(String)).size < keys.length) throw malformed('a map with a key twice');
      return mapValue(keys.map((key, index) => ({ key, value: values[index] ?? null })));
    };
  }
}

/** Of a value of a dictionary, about. */
function sizeOf(value: DuckDBValue): number {
  if (typeof value === 'string') return value.length;
  return typeof value === 'object' && value !== null ? String(value).length : 0;
}

function bitAt(bits: Uint8Array, row: number): boolean {
  const byte = bits[row >> 3];
  if (byte === undefined) throw malformed('a buffer that is too short');
  return (byte & (1 << (row & 7))) !== 0;
}

function childOf(children: readonly ArrowColumn[], index: number): ArrowColumn {
  const child = children[index];
  if (child === undefined) throw malformed('a column without its child');
  return child;
}

function bufferOf({ buffers }: Pick<ArrowColumn, 'buffers'>, index: number, atLeast: number): Uint8Array {
  const buffer = buffers[index];
  if (buffer === undefined || buffer.byteLength < atLeast) throw malformed('a buffer that is too short');
  return buffer;
}

/** A buffer of one item a row. */
function itemsOf(column: Pick<ArrowColumn, 'buffers' | 'length'>, itemBytes: number): DataView {
  const { buffer, byteOffset, byteLength } = bufferOf(column, 0, column.length * itemBytes);
  return new DataView(buffer, byteOffset, byteLength);
}

function integerAt(
  column: Pick<ArrowColumn, 'buffers' | 'length'>,
  { bits, signed }: ArrowType & { readonly kind: 'int' },
): (row: number) => number | bigint {
  const view = itemsOf(column, bits / 8);
  switch (bits) {
    case 8:
      return signed ? (row) => view.getInt8(row) : (row) => view.getUint8(row);
    case 16:
      return signed ? (row) => view.getInt16(row * 2, true) : (row) => view.getUint16(row * 2, true);
    case 32:
      return signed ? (row) => view.getInt32(row * 4, true) : (row) => view.getUint32(row * 4, true);
    case 64:
      return signed ? (row) => view.getBigInt64(row * 8, true) : (row) => view.getBigUint64(row * 8, true);
  }
}

function floatAt(column: ArrowColumn, bits: 16 | 32 | 64): ValueAt {
  const view = itemsOf(column, bits / 8);
  switch (bits) {
    case 16:
      return (row) => fromHalf(view.getUint16(row * 2, true));
    case 32:
      return (row) => view.getFloat32(row * 4, true);
    case 64:
      return (row) => view.getFloat64(row * 8, true);
  }
}

/** A float of 16 bits: sign, 5 bits of exponent, 10 of fraction. */
function fromHalf(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Integers of several words of 32 bits, the lowest first, in two's complement. */
function decimalAt(
  column: ArrowColumn,
  { bits, digits, scale }: ArrowType & { readonly kind: 'decimal' },
): ValueAt {
  const view = itemsOf(column, bits / 8);
  const words = bits / 32;
  const limit = 10n ** BigInt(digits);
  return (row) => {
    let value = 0n;
    for (let word = words - 1; word >= 0; word -= 1) {
      const at = (row * words + word) * 4;
      value =
        (value << 32n) | BigInt(word === words - 1 ? view.getInt32(at, true) : view.getUint32(at, true));
    }
    if (value < limit && value > -limit) return new DuckDBDecimalValue(value, digits, scale);
    throw outOfRange(`a decimal of ${digits} digits`);
  };
}

function timeAt(
  column: ArrowColumn,
  type: ArrowType & { readonly kind: 'date' | 'time' | 'timestamp' },
): ValueAt {
  switch (type.kind) {
    case 'date': {
      if (type.unit === 'day') {
        const view = itemsOf(column, 4);
        return (row) => new DuckDBDateValue(view.getInt32(row * 4, true));
      }
      const view = itemsOf(column, 8);
      return (row) => new DuckDBDateValue(wholeDays(Number(view.getBigInt64(row * 8, true))));
    }
    case 'time': {
      const value = integerAt(column, { kind: 'int', bits: type.bits, signed: true });
      return (row) => {
        const nanos = BigInt(value(row)) * type.unit;
        if (nanos < 0n || nanos > nanosPerDay) throw outOfRange('a time of day');
        return type.unit === 1n ? new DuckDBTimeNSValue(nanos) : new DuckDBTimeValue(nanos / 1_000n);
      };
    }
    case 'timestamp': {
      const view = itemsOf(column, 8);
      const value = (row: number): bigint => view.getBigInt64(row * 8, true);
      if (type.hasZone) return (row) => new DuckDBTimestampTZValue(microsOf(value(row) * type.unit));
      switch (type.unit) {
        case 1_000_000_000n:
          return (row) => new DuckDBTimestampSecondsValue(value(row));
        case 1_000_000n:
          return (row) => new DuckDBTimestampMillisecondsValue(value(row));
        case 1_000n:
          return (row) => new DuckDBTimestampValue(value(row));
        case 1n:
          return (row) => new DuckDBTimestampNanosecondsValue(value(row));
      }
    }
  }
}

function wholeDays(ms: number): number {
  const days = ms / msPerDay;
  if (!Number.isInteger(days)) throw malformed('a date that is not a whole day');
  if (Math.abs(days) >= 2 ** 31) throw outOfRange('a date');
  return days;
}

/** Nanoseconds are cut to microseconds, towards the past. */
function microsOf(nanos: bigint): bigint {
  const micros = (nanos - (((nanos % 1_000n) + 1_000n) % 1_000n)) / 1_000n;
  if (micros > largestMicros || micros < -largestMicros) throw outOfRange('a timestamp');
  return micros;
}

function outOfRange(what: string): SkeinError {
  return new SkeinError(SqlState.numericOutOfRange, `${what} is out of range`);
}

function fixedRange(size: number): RangeAt {
  return (row) => [row * size, (row + 1) * size];
}

function rangeAt(column: ArrowColumn, layout: Offsets): RangeAt {
  const bits = layout === 'offsets64' ? 64 : 32;
  // A column without rows may have no offset at all.
  const length = column.length === 0 ? 0 : column.length + 1;
  const offset = integerAt({ buffers: column.buffers, length }, { kind: 'int', bits, signed: true });
  return (row) => {
    const from = Number(offset(row));
    const to = Number(offset(row + 1));
    if (from < 0 || to < from) throw malformed('offsets that go backwards');
    return [from, to];
  };
}

function sliceAt(column: ArrowColumn, layout: Offsets | number): (row: number) => Uint8Array {
  const isFixed = typeof layout === 'number';
  const range = isFixed ? fixedRange(layout) : rangeAt(column, layout);
  const bytes = bufferOf(column, isFixed ? 0 : 1, 0);
  return (row) => part(bytes, ...range(row));
}

function part(bytes: Uint8Array, from: number, to: number): Uint8Array {
  if (to > bytes.byteLength) throw malformed('a value beyond the end of its buffer');
  return bytes.subarray(from, to);
}

/** Values that lie in their slot, or in one of several buffers that the slot names. */
function viewAt(column: ArrowColumn): (row: number) => Uint8Array {
  const view = itemsOf(column, viewBytes);
  const slots = bufferOf(column, 0, 0);
  const [, ...data] = column.buffers;
  return (row) => {
    const at = row * viewBytes;
    const length = view.getInt32(at, true);
    if (length < 0) throw malformed('a length below zero');
    if (length <= inlineBytes) return slots.subarray(at + 4, at + 4 + length);
    const buffer = data[view.getInt32(at + 8, true)];
    const from = view.getInt32(at + 12, true);
    if (buffer === undefined || from < 0) throw malformed('a value beyond the end of its buffer');
    return part(buffer, from, from + length);
  };
}
