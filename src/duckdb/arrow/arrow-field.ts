import { SkeinError, SqlState } from '../../common/index.ts';
import type { FlatTable } from './flat-table.ts';
import { malformed } from './malformed.ts';

/** How the values of a type that vary in length are found. */
export type Offsets = 'offsets32' | 'offsets64';

/** Nanoseconds of a unit of time. */
export type UnitNanos = 1_000_000_000n | 1_000_000n | 1_000n | 1n;

/** Types that become SQL's. Others are refused when a schema is read. */
export type ArrowType =
  | { readonly kind: 'null' | 'bool' | 'struct' | 'map' }
  | { readonly kind: 'int'; readonly bits: 8 | 16 | 32 | 64; readonly signed: boolean }
  | { readonly kind: 'float'; readonly bits: 16 | 32 | 64 }
  | {
      readonly kind: 'decimal';
      readonly bits: 32 | 64 | 128 | 256;
      readonly digits: number;
      readonly scale: number;
    }
  | { readonly kind: 'text' | 'bytes'; readonly layout: Offsets | 'views' }
  | { readonly kind: 'fixedBytes'; readonly width: number }
  | { readonly kind: 'date'; readonly unit: 'day' | 'millisecond' }
  | { readonly kind: 'time'; readonly unit: UnitNanos; readonly bits: 32 | 64 }
  | { readonly kind: 'timestamp'; readonly unit: UnitNanos; readonly hasZone: boolean }
  | { readonly kind: 'list'; readonly layout: Offsets }
  | { readonly kind: 'fixedList'; readonly size: number };

export interface ArrowField {
  readonly name: string;
  /** Of the values, where they are in a dictionary. */
  readonly type: ArrowType;
  readonly children: readonly ArrowField[];
  readonly dictionary:
    | { readonly id: bigint; readonly index: ArrowType & { readonly kind: 'int' } }
    | undefined;
}

/** More than any table has: what is beyond was made to do harm. */
const maxFields = 10_000;
const maxDepth = 60;
/** Digits of DuckDB's widest DECIMAL. */
const maxDigits = 38;

/**
 * @param schema the table `Schema` of an Arrow message
 * @throws SkeinError 22023; 0A000 for a type that has no counterpart in SQL
 * @see Arrow Columnar Format, Schema.fbs
 */
export function readFields(schema: FlatTable): readonly ArrowField[] {
  if (schema.short(0) !== 0) throw malformed('numbers whose highest byte comes first');
  let left = maxFields;
  const read = (table: FlatTable, path: string, depth: number): ArrowField => {
    left -= 1;
    if (left < 0 || depth > maxDepth) throw malformed('too many fields');
    const name = table.text(0) ?? '';
    const where = path === '' ? name : `${path}.${name}`;
    const encoding = table.table(4);
    return {
      name,
      type: readType(table.byte(2), table.table(3), where),
      children: table.tables(5).map((child) => read(child, where, depth + 1)),
      dictionary:
        encoding === undefined ? undefined : { id: encoding.long(0), index: indexType(encoding.table(1)) },
    };
  };
  const fields = schema.tables(1).map((table) => read(table, '', 0));
  return fields;
}

function indexType(table: FlatTable | undefined): ArrowType & { readonly kind: 'int' } {
  return table === undefined ? { kind: 'int', bits: 32, signed: true } : readInt(table);
}

function readInt(table: FlatTable): ArrowType & { readonly kind: 'int' } {
  return { kind: 'int', bits: oneOf([8, 16, 32, 64], table.int(0)), signed: table.byte(1) !== 0 };
}

/** @param id of the union `Type` */
function readType(id: number, table: FlatTable | undefined, path: string): ArrowType {
  if (table === undefined) throw malformed('a column without a type');
  switch (id) {
    case 1:
      return { kind: 'null' };
    case 2:
      return readInt(table);
    case 3:
      return { kind: 'float', bits: oneOf([16, 32, 64], 16 << table.short(0)) };
    case 4:
      return { kind: 'bytes', layout: 'offsets32' };
    case 5:
      return { kind: 'text', layout: 'offsets32' };
    case 6:
      return { kind: 'bool' };
    case 7:
      return readDecimal(table, path);
    case 8:
      return { kind: 'date', unit: table.short(0, 1) === 0 ? 'day' : 'millisecond' };
    case 9:
      return { kind: 'time', unit: unitOf(table.short(0, 1)), bits: oneOf([32, 64], table.int(1, 32)) };
    case 10: {
      const zone = table.text(1) ?? '';
      return { kind: 'timestamp', unit: unitOf(table.short(0)), hasZone: zone !== '' };
    }
    case 12:
      return { kind: 'list', layout: 'offsets32' };
    case 13:
      return { kind: 'struct' };
    case 15:
      return { kind: 'fixedBytes', width: notNegative(table.int(0)) };
    case 16:
      return { kind: 'fixedList', size: notNegative(table.int(0)) };
    case 17:
      return { kind: 'map' };
    case 19:
      return { kind: 'bytes', layout: 'offsets64' };
    case 20:
      return { kind: 'text', layout: 'offsets64' };
    case 21:
      return { kind: 'list', layout: 'offsets64' };
    case 23:
      return { kind: 'bytes', layout: 'views' };
    case 24:
      return { kind: 'text', layout: 'views' };
    default:
      throw notTaken(path, otherTypes[id] ?? `number ${id}`);
  }
}

const otherTypes: Readonly<Record<number, string>> = {
  11: 'interval',
  14: 'union',
  18: 'duration',
  22: 'run-end encoded',
  25: 'list view',
  26: 'large list view',
};

function readDecimal(table: FlatTable, path: string): ArrowType {
  const digits = table.int(0);
  const scale = table.int(1);
  if (digits < 1 || digits > maxDigits || scale < 0 || scale > digits) {
    throw notTaken(path, `decimal(${digits}, ${scale})`);
  }
  return { kind: 'decimal', bits: oneOf([32, 64, 128, 256], table.int(2, 128)), digits, scale };
}

function notTaken(path: string, type: string): SkeinError {
  return new SkeinError(
    SqlState.featureNotSupported,
    `the column ${path} is of the Arrow type ${type}, which is not taken`,
    { hint: 'Cast it in the client: an interval, for one, can be sent as text.' },
  );
}

const units: readonly UnitNanos[] = [1_000_000_000n, 1_000_000n, 1_000n, 1n];

function unitOf(index: number): UnitNanos {
  const unit = units[index];
  if (unit === undefined) throw malformed('a unit of time that is none');
  return unit;
}

function oneOf<T extends number>(allowed: readonly T[], value: number): T {
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw malformed(`a type of ${value} bits`);
  return found;
}

function notNegative(value: number): number {
  if (value < 0) throw malformed('a length below zero');
  return value;
}
