import { assertNever, SkeinError, SqlState } from '../common/index.ts';
import type { SqlValue } from './record-batch.ts';
import { type Column, formatType, type ScalarName, type SqlType } from './sql-type.ts';

/** Gives a value of one type as JSON text. */
export type JsonEncoder = (value: SqlValue) => string;
/** Gives parsed JSON as a value of one type. */
export type JsonDecoder = (json: unknown) => SqlValue;

/** The largest magnitude up to which every integer is a JSON number. */
const exactInteger = 2n ** 53n;
/** A string that needs no escape in JSON; surrogates are left to JSON.stringify. */
const plainText = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;

/**
 * The encoder for a type, chosen once a column. BOOLEAN, integers up to 2^53 and floats become JSON's own; integers
 * beyond it, by value, become strings, as do NaN and the infinities (`nan`, `inf`, `-inf`) and BLOBs in DuckDB's
 * spelling (`\xAA`). LIST, ARRAY, MAP (`[[key, value], ...]`) and STRUCT without field names become arrays, STRUCT and
 * UNION (`{"tag", "value"}`) objects. Every other value is a string already.
 */
export function jsonEncoder(type: SqlType): JsonEncoder {
  const encode = presentEncoder(type);
  return (value) => (value === null ? 'null' : encode(value));
}

/** The inverse of `jsonEncoder`; its decoder throws XX001 for what is no value of the type. */
export function jsonDecoder(type: SqlType): JsonDecoder {
  const decode = presentDecoder(type);
  return (json) => (json === null ? null : decode(json));
}

/** True for a STRUCT as `row(1, 2)` makes it: its values are told apart by position only. */
export function isUnnamedStruct(fields: readonly Column[]): boolean {
  return fields.length > 0 && fields.every((field) => field.name === '');
}

/** The same for values that are not NULL. */
function presentEncoder(type: SqlType): JsonEncoder {
  switch (type.kind) {
    case 'scalar':
      return scalarEncoders[scalarClass(type.name)];
    case 'decimal':
    case 'enum':
      return encodeString;
    case 'list':
    case 'array':
      return listEncoder(jsonEncoder(type.element));
    case 'map':
      return listEncoder(tupleEncoder([jsonEncoder(type.key), jsonEncoder(type.value)]));
    case 'struct':
      return structEncoder(type.fields);
    case 'union':
      return unionEncoder(type.members);
    default:
      return assertNever(type);
  }
}

type ScalarClass = 'boolean' | 'number' | 'float' | 'integer' | 'blob' | 'string';

/** How values of a scalar type look in JavaScript; NULL has no values. */
function scalarClass(name: ScalarName): ScalarClass {
  switch (name) {
    case 'BOOLEAN':
      return 'boolean';
    case 'TINYINT':
    case 'SMALLINT':
    case 'INTEGER':
    case 'UTINYINT':
    case 'USMALLINT':
    case 'UINTEGER':
      return 'number';
    case 'FLOAT':
    case 'DOUBLE':
      return 'float';
    case 'BIGINT':
    case 'UBIGINT':
    case 'HUGEINT':
    case 'UHUGEINT':
    case 'BIGNUM':
      return 'integer';
    case 'BLOB':
      return 'blob';
    case 'NULL':
    case 'DATE':
    case 'TIME':
    case 'TIME_NS':
    case 'TIME WITH TIME ZONE':
    case 'TIMESTAMP':
    case 'TIMESTAMP_S':
    case 'TIMESTAMP_MS':
    case 'TIMESTAMP_NS':
    case 'TIMESTAMP WITH TIME ZONE':
    case 'INTERVAL':
    case 'UUID':
    case 'BIT':
    case 'VARCHAR':
    case 'JSON':
    case 'VARIANT':
    case 'GEOMETRY':
      return 'string';
    default:
      return assertNever(name);
  }
}

const scalarEncoders: Readonly<Record<ScalarClass, JsonEncoder>> = {
  boolean: (value) => (value ? 'true' : 'false'),
  number: (value) => `${value as number}`,
  float: encodeFloat,
  integer: encodeInteger,
  blob: (value) => encodeString(formatBlob(value as Uint8Array)),
  string: encodeString,
};

function encodeString(value: SqlValue): string {
  const text = value as string;
  return plainText.test(text) ? `"${text}"` : JSON.stringify(text);
}

function encodeInteger(value: SqlValue): string {
  const integer = value as bigint;
  return integer <= exactInteger && integer >= -exactInteger ? `${Number(integer)}` : `"${integer}"`;
}

function encodeFloat(value: SqlValue): string {
  const float = value as number;
  if (Number.isFinite(float)) return float === 0 && Object.is(float, -0) ? '-0.0' : `${float}`;
  return Number.isNaN(float) ? '"nan"' : float > 0 ? '"inf"' : '"-inf"';
}

function listEncoder(element: JsonEncoder): JsonEncoder {
  return (value) => `[${(value as readonly SqlValue[]).map((item) => element(item)).join(',')}]`;
}

function tupleEncoder(elements: readonly JsonEncoder[]): JsonEncoder {
  return (value) => {
    const items = value as readonly SqlValue[];
    return `[${elements.map((encode, index) => encode(items[index] ?? null)).join(',')}]`;
  };
}

function structEncoder(fields: readonly Column[]): JsonEncoder {
  const encoders = fields.map((field) => jsonEncoder(field.type));
  if (isUnnamedStruct(fields)) return tupleEncoder(encoders);
  const names = fields.map((field) => field.name);
  const keys = names.map((name) => `${JSON.stringify(name)}:`);
  return (value) => {
    const struct = value as { readonly [field: string]: SqlValue };
    const items = encoders.map((encode, index) => keys[index] + encode(struct[names[index] ?? ''] ?? null));
    return `{${items.join(',')}}`;
  };
}

function unionEncoder(members: readonly Column[]): JsonEncoder {
  const encoders = new Map(members.map((member) => [member.name, jsonEncoder(member.type)]));
  return (value) => {
    const { tag, value: inner } = value as { readonly tag: string; readonly value: SqlValue };
    const encode = encoders.get(tag);
    if (encode === undefined) throw new SkeinError(SqlState.internalError, `the union has no member ${tag}`);
    return `{"tag":${encodeString(tag)},"value":${encode(inner)}}`;
  };
}

function presentDecoder(type: SqlType): JsonDecoder {
  switch (type.kind) {
    case 'scalar':
      return scalarDecoder(type);
    case 'decimal':
    case 'enum':
      return stringDecoder(type);
    case 'list':
    case 'array': {
      const element = jsonDecoder(type.element);
      return (json) => asArray(json, type).map((item) => element(item));
    }
    case 'map': {
      const entry = tupleDecoder([jsonDecoder(type.key), jsonDecoder(type.value)], type);
      return (json) => asArray(json, type).map((item) => entry(item));
    }
    case 'struct':
      return structDecoder(type.fields, type);
    case 'union':
      return unionDecoder(type.members, type);
    default:
      return assertNever(type);
  }
}

function scalarDecoder(type: SqlType & { kind: 'scalar' }): JsonDecoder {
  const kind = scalarClass(type.name);
  switch (kind) {
    case 'boolean':
      return (json) => (typeof json === 'boolean' ? json : mismatch(json, type));
    case 'number':
      return (json) => (typeof json === 'number' ? json : mismatch(json, type));
    case 'float':
      return (json) => (typeof json === 'number' ? json : (specialFloats.get(json) ?? mismatch(json, type)));
    case 'integer':
      return (json) => {
        if (typeof json === 'number' && Number.isInteger(json)) return BigInt(json);
        return isIntegerText(json) ? BigInt(json) : mismatch(json, type);
      };
    case 'blob':
      return (json) => (typeof json === 'string' ? parseBlob(json) : mismatch(json, type));
    case 'string':
      return stringDecoder(type);
    default:
      return assertNever(kind);
  }
}

const specialFloats: ReadonlyMap<unknown, number> = new Map([
  ['nan', Number.NaN],
  ['inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
]);

function isIntegerText(json: unknown): json is string {
  return typeof json === 'string' && /^-?\d+$/.test(json);
}

function stringDecoder(type: SqlType): JsonDecoder {
  return (json) => (typeof json === 'string' ? json : mismatch(json, type));
}

function tupleDecoder(elements: readonly JsonDecoder[], type: SqlType): JsonDecoder {
  return (json) => {
    const items = asArray(json, type);
    if (items.length !== elements.length) return mismatch(json, type);
    return elements.map((decode, index) => decode(items[index]));
  };
}

function structDecoder(fields: readonly Column[], type: SqlType): JsonDecoder {
  const decoders = fields.map((field) => jsonDecoder(field.type));
  if (isUnnamedStruct(fields)) return tupleDecoder(decoders, type);
  return (json) => {
    if (typeof json !== 'object' || json === null || Array.isArray(json)) return mismatch(json, type);
    const values = new Map(Object.entries(json));
    return Object.fromEntries(
      fields.map((field, index) => {
        const decode = decoders[index];
        if (decode === undefined || !values.has(field.name)) return [field.name, mismatch(json, type)];
        return [field.name, decode(values.get(field.name))];
      }),
    );
  };
}

function unionDecoder(members: readonly Column[], type: SqlType): JsonDecoder {
  const decoders = new Map(members.map((member) => [member.name, jsonDecoder(member.type)]));
  return (json) => {
    if (typeof json !== 'object' || json === null || !('tag' in json) || !('value' in json)) {
      return mismatch(json, type);
    }
    const { tag, value } = json;
    const decode = typeof tag === 'string' ? decoders.get(tag) : undefined;
    if (decode === undefined || typeof tag !== 'string') return mismatch(json, type);
    return { tag, value: decode(value) };
  };
}

function asArray(json: unknown, type: SqlType): readonly unknown[] {
  return Array.isArray(json) ? json : mismatch(json, type);
}

function mismatch(json: unknown, type: SqlType): never {
  const text = JSON.stringify(json)?.slice(0, 100);
  throw new SkeinError(SqlState.dataCorrupted, `${text} in the result is no value of ${formatType(type)}`);
}

/** Each byte as DuckDB prints it in a BLOB: itself where it is printable and no quote or backslash. */
const byteTexts = Array.from({ length: 256 }, (_, byte) => {
  const text = String.fromCharCode(byte);
  const plain = byte >= 0x20 && byte <= 0x7e && !`\\'"`.includes(text);
  return plain ? text : `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`;
});

/** A BLOB in DuckDB's spelling: `\xAA\x22bc`. */
export function formatBlob(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byteTexts[byte];
  return text;
}

/** The inverse of `formatBlob`. Throws 22P02 where the text is no BLOB. */
export function parseBlob(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    let byte = text.charCodeAt(at);
    if (byte === 0x5c) {
      const digits = text.slice(at + 1, at + 4);
      if (!/^x[0-9A-Fa-f]{2}$/.test(digits)) return refuseBlob(text);
      byte = Number.parseInt(digits.slice(1), 16);
      at += 3;
    } else if (byte > 0x7e) {
      return refuseBlob(text);
    }
    bytes[length++] = byte;
  }
  return bytes.slice(0, length);
}

function refuseBlob(text: string): never {
  throw new SkeinError(
    SqlState.invalidTextRepresentation,
    `not a BLOB: ${JSON.stringify(text.slice(0, 100))}`,
  );
}
