import { assertNever } from '../common/index.ts';
import { formatBlob, isUnnamedStruct } from './json-value.ts';
import type { SqlValue } from './record-batch.ts';
import type { SqlType } from './sql-type.ts';

/**
 * A value as DuckDB's cast to VARCHAR spells it: `1e+20`, `\xAA\x00`, `[a, 'b,c']`, `{'x': 1}`.
 * NULL gives undefined: callers have their own spelling of it.
 */
export function formatValue(value: SqlValue, type: SqlType): string | undefined {
  if (value === null) return undefined;
  switch (type.kind) {
    case 'scalar':
      return formatScalar(value, type.name);
    case 'decimal':
    case 'enum':
      return String(value);
    case 'list':
    case 'array':
      return `[${(value as readonly SqlValue[]).map((item) => formatNested(item, type.element)).join(', ')}]`;
    case 'map':
      return `{${(value as readonly (readonly [SqlValue, SqlValue])[])
        .map(([key, item]) => `${formatNested(key, type.key)}=${formatNested(item, type.value)}`)
        .join(', ')}}`;
    case 'struct': {
      if (isUnnamedStruct(type.fields)) {
        const items = value as readonly SqlValue[];
        return `(${type.fields.map((field, index) => formatNested(items[index] ?? null, field.type)).join(', ')})`;
      }
      const fields = value as { readonly [field: string]: SqlValue };
      return `{${type.fields
        .map(
          ({ name, type: fieldType }) => `${quote(name)}: ${formatNested(fields[name] ?? null, fieldType)}`,
        )
        .join(', ')}}`;
    }
    case 'union': {
      const { tag, value: member } = value as { readonly tag: string; readonly value: SqlValue };
      const memberType = type.members.find(({ name }) => name === tag)?.type;
      return memberType && formatValue(member, memberType);
    }
    default:
      return assertNever(type);
  }
}

function formatScalar(value: SqlValue, name: string): string {
  if (typeof value === 'number' && (name === 'DOUBLE' || name === 'FLOAT')) {
    return formatFloat(name === 'FLOAT' ? shortestFloat(value) : value);
  }
  return value instanceof Uint8Array ? formatBlob(value) : String(value);
}

/** Shortest digits that read back as the same value; with exponent below 1e-4 and from 1e16 on. */
function formatFloat(value: number): string {
  const size = Math.abs(value);
  if ((size >= 1e-4 && size < 1e16) || size === 0) {
    if (!Number.isInteger(value)) return String(value);
    return Object.is(value, -0) ? '-0.0' : `${value}.0`;
  }
  if (Number.isNaN(value)) return 'nan';
  if (size === Number.POSITIVE_INFINITY) return value > 0 ? 'inf' : '-inf';
  return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
}

/** The double with the fewest digits that rounds to this 32-bit float. */
function shortestFloat(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const rounded = Number(value.toPrecision(digits));
    if (Math.fround(rounded) === value) return rounded;
  }
  return Number.isFinite(value) ? Number(value.toPrecision(9)) : value;
}

/** Inside a nested value: quoted where the text would otherwise read as something else. */
function formatNested(value: SqlValue, type: SqlType): string {
  const text = formatValue(value, type);
  if (text === undefined) return 'NULL';
  if (type.kind !== 'scalar' && type.kind !== 'enum') return text;
  return text === '' || /^\s|\s$|["'(),:=[\]{}]/.test(text) || /^null$/i.test(text) ? quote(text) : text;
}

function quote(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
}
