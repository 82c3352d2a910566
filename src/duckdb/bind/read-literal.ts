import { assertNever } from '../../common/index.ts';
import type { LiteralValue } from '../../plan/index.ts';
import type { ScalarName, SqlType } from '../../types/index.ts';
import {
  formatDate,
  formatDecimal,
  formatInterval,
  formatOffset,
  formatTime,
  formatTimestamp,
} from '../format-time.ts';
import { Fields, readInteger, UnreadablePlan } from './fields.ts';
import { type Json, JsonNumber } from './parse-json.ts';
import { readType } from './read-type.ts';

/** Reads a constant: `{ type, is_null, value }`. */
export function readLiteral(json: Json | undefined): {
  readonly kind: 'literal';
  readonly value: LiteralValue;
  readonly type: SqlType;
} {
  const type = readType(new Fields(json, 'constant').get('type'));
  return { kind: 'literal', value: readValue(json, type), type };
}

function readValue(json: Json | undefined, type: SqlType): LiteralValue {
  const fields = new Fields(json, 'constant');
  if (fields.boolean('is_null')) return null;
  const value = fields.get('value');
  switch (type.kind) {
    case 'scalar':
      return readScalar(value, type.name);
    case 'decimal':
      return formatDecimal(readBigint(value), type.width, type.scale);
    case 'enum':
      return enumValue(type.values, value);
    case 'list':
    case 'array':
      return parts(value).map((part) => readValue(part, type.element));
    case 'map': {
      const entry: SqlType = {
        kind: 'struct',
        fields: [
          { name: 'key', type: type.key },
          { name: 'value', type: type.value },
        ],
      };
      return parts(value).map((part) => readValue(part, entry));
    }
    case 'struct':
      return parts(value).map((part, index) => {
        const field = type.fields[index];
        if (field === undefined) throw new UnreadablePlan('a STRUCT constant with too many fields');
        return readValue(part, field.type);
      });
    case 'union':
      return readUnion(parts(value), type);
    default:
      return assertNever(type);
  }
}

/** The parts of a UNION are its tag, then a value for each member. */
function readUnion(values: readonly Json[], type: SqlType & { kind: 'union' }): LiteralValue {
  const tag = readInteger(new Fields(values[0], 'tag').get('value'), 'tag');
  const member = type.members[tag];
  if (member === undefined) throw new UnreadablePlan('a UNION constant without its member');
  return [member.name, readValue(values[tag + 1], member.type)];
}

function readScalar(value: Json | undefined, name: ScalarName): LiteralValue {
  switch (name) {
    case 'BOOLEAN':
      if (typeof value !== 'boolean') throw bad(name);
      return String(value);
    case 'TINYINT':
    case 'SMALLINT':
    case 'INTEGER':
    case 'BIGINT':
    case 'HUGEINT':
    case 'UTINYINT':
    case 'USMALLINT':
    case 'UINTEGER':
    case 'UBIGINT':
    case 'UHUGEINT':
      return String(readBigint(value));
    case 'FLOAT':
    case 'DOUBLE':
      if (!(value instanceof JsonNumber)) throw bad(name);
      return value.text;
    case 'VARCHAR':
    case 'JSON':
    case 'BLOB':
      if (typeof value !== 'string') throw bad(name);
      return value;
    case 'UUID':
      return readUuid(readBigint(value));
    case 'INTERVAL':
      return readInterval(new Fields(value, 'interval'));
    case 'DATE':
    case 'TIME':
    case 'TIME_NS':
    case 'TIME WITH TIME ZONE':
    case 'TIMESTAMP':
    case 'TIMESTAMP_S':
    case 'TIMESTAMP_MS':
    case 'TIMESTAMP_NS':
    case 'TIMESTAMP WITH TIME ZONE':
      return readTime(readBigint(value), name);
    case 'NULL':
    case 'BIGNUM':
    case 'BIT':
    case 'VARIANT':
    case 'GEOMETRY':
      throw new UnreadablePlan(`a constant of type ${name}`);
    default:
      return assertNever(name);
  }
}

/** DuckDB does not read long times as it spells them: `2562047788:00:54.775807`. */
const longestMicros = 3_600_000_000n * 1_000_000n;

function readInterval(fields: Fields): string {
  const months = fields.integer('months');
  const days = fields.integer('days');
  const micros = readBigint(fields.get('micros'));
  const isLong = micros > longestMicros || micros < -longestMicros;
  return isLong
    ? `${months} months ${days} days ${micros} microseconds`
    : formatInterval(months, days, micros);
}

type TimeName = Extract<ScalarName, `${'DATE' | 'TIME'}${string}`>;

function readTime(value: bigint, name: TimeName): string {
  switch (name) {
    case 'DATE':
      return formatDate(Number(value));
    case 'TIME':
      return formatTime(value, 6);
    case 'TIME_NS':
      return formatTime(value, 9);
    case 'TIME WITH TIME ZONE':
      return formatTime(value >> 24n, 6) + formatOffset(57_599 - Number(value & 0xffffffn));
    case 'TIMESTAMP':
      return formatTimestamp(value, 6);
    case 'TIMESTAMP_S':
      return formatTimestamp(value, 0);
    case 'TIMESTAMP_MS':
      return formatTimestamp(value, 3);
    case 'TIMESTAMP_NS':
      return formatTimestamp(value, 9);
    case 'TIMESTAMP WITH TIME ZONE': {
      const text = formatTimestamp(value, 6);
      return text.endsWith('infinity') ? text : `${text}+00`;
    }
    default:
      return assertNever(name);
  }
}

/** Integers up to 64 bits are numbers; 128 bits come as `{ upper, lower }`. */
function readBigint(value: Json | undefined): bigint {
  if (value instanceof JsonNumber && /^-?[0-9]+$/.test(value.text)) return BigInt(value.text);
  const fields = new Fields(value, 'integer');
  return (readBigint(fields.get('upper')) << 64n) | readBigint(fields.get('lower'));
}

/** A UUID is a HUGEINT whose top bit is flipped, so that UUIDs sort as their text does. */
function readUuid(value: bigint): string {
  const hex = (BigInt.asUintN(128, value) ^ (1n << 127n)).toString(16).padStart(32, '0');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function enumValue(values: readonly string[], value: Json | undefined): string {
  const text = values[readInteger(value, 'enum')];
  if (text === undefined) throw bad('ENUM');
  return text;
}

function parts(value: Json | undefined): readonly Json[] {
  return new Fields(value, 'nested constant').list('children');
}

function bad(name: string): UnreadablePlan {
  return new UnreadablePlan(`a constant of type ${name} in an unknown form`);
}
