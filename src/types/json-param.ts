import { SkeinError, SqlState } from '../common/index.ts';
import { formatBlob, parseBlob } from './json-value.ts';
import type { SqlValue } from './record-batch.ts';

/** The field names of objects that stand for other values; a STRUCT of one such field alone cannot be a parameter. */
const tags: readonly string[] = ['$bigint', '$blob', '$float'];

/**
 * A query parameter as JSON text. What JSON has no form for is an object with one field: `{"$bigint": "5"}` for a
 * bigint, `{"$blob": "\\xAA"}` for bytes in DuckDB's spelling, `{"$float": "nan" | "inf" | "-inf"}`.
 */
export function paramToJson(value: SqlValue): string {
  if (typeof value === 'bigint') return `{"$bigint":"${value}"}`;
  if (typeof value === 'number') return numberToJson(value);
  if (value instanceof Uint8Array) return `{"$blob":${JSON.stringify(formatBlob(value))}}`;
  if (Array.isArray(value)) return `[${value.map(paramToJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(
      ([name, field]) => `${JSON.stringify(name)}:${paramToJson(field)}`,
    );
    if (isTagged(value)) return refuse(value);
    return `{${fields.join(',')}}`;
  }
  const text: unknown = JSON.stringify(value);
  return typeof text === 'string' ? text : refuse(value);
}

function isTagged(value: object): boolean {
  const names = Object.keys(value);
  return names.length === 1 && tags.includes(names[0] ?? '');
}

function refuse(value: unknown): never {
  const text = JSON.stringify(value)?.slice(0, 100) ?? typeof value;
  throw new SkeinError(SqlState.invalidParameterValue, `cannot be a parameter: ${text}`);
}

function numberToJson(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0.0' : `${value}`;
  return `{"$float":"${Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'}"}`;
}

const floats: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
};

/**
 * The inverse of `paramToJson`, on JSON parsed so that integers beyond 2^53 are bigints.
 * @throws SkeinError 22023 for a malformed `$bigint`, `$blob` or `$float`
 */
export function paramFromJson(json: unknown): SqlValue {
  if (Array.isArray(json)) return json.map(paramFromJson);
  if (typeof json !== 'object' || json === null) return json as SqlValue;
  if (isTagged(json)) return taggedFromJson(json);
  return Object.fromEntries(Object.entries(json).map(([name, field]) => [name, paramFromJson(field)]));
}

function taggedFromJson(json: object): SqlValue {
  const [tag, value] = Object.entries(json)[0] ?? [];
  if (typeof value === 'string') {
    if (tag === '$bigint' && /^-?\d+$/.test(value)) return BigInt(value);
    if (tag === '$blob') return parseBlob(value);
    const float = tag === '$float' && Object.hasOwn(floats, value) ? floats[value] : undefined;
    if (float !== undefined) return float;
  }
  return refuse(json);
}
