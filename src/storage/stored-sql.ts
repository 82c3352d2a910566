import { assertNever, SkeinError, SqlState } from '../common/index.ts';
import {
  formatType,
  quoteIdentifier,
  quoteLiteral,
  type SqlType,
  sameType,
  toWireSql,
} from '../types/index.ts';
import type { StoredField } from './table.ts';

/**
 * SQL that turns a value of a column's logical `type` into what its data file holds: other types inside and out, and
 * nested fields by their stored names.
 * @param sql a column reference: it may be repeated
 * @throws SkeinError 42804 where a value of `type` cannot be stored so
 */
export function storedExpression(sql: string, type: SqlType, stored: StoredField): string {
  return convert(sql, type, stored, 0);
}

/** `depth` numbers the lambda parameters, so that inner ones do not hide outer ones. */
function convert(sql: string, type: SqlType, stored: StoredField, depth: number): string {
  if (isStoredAs(type, stored)) return sql;
  switch (type.kind) {
    case 'scalar':
    case 'decimal':
    case 'enum':
      return convertScalar(sql, type, stored.type);
    case 'list':
    case 'array': {
      if (stored.type.kind !== 'list' && stored.type.kind !== 'array') throw mismatch(type, stored);
      const lambda = convertElement(type.element, childOf(stored, 0, stored.type.element), depth);
      return `list_transform(${sql}, ${lambda})`;
    }
    case 'map': {
      if (stored.type.kind !== 'map') throw mismatch(type, stored);
      const keys = convertElement(type.key, childOf(stored, 0, stored.type.key), depth);
      const values = convertElement(type.value, childOf(stored, 1, stored.type.value), depth);
      return `CASE WHEN ${sql} IS NOT NULL THEN MAP(list_transform(map_keys(${sql}), ${keys}), list_transform(map_values(${sql}), ${values})) END`;
    }
    case 'struct': {
      const fields = type.fields.map((field, index) => {
        const child = structChild(type, stored, index);
        const value = `struct_extract(${sql}, ${field.name === '' ? index + 1 : quoteLiteral(field.name)})`;
        return `${quoteIdentifier(child.name)} := ${convert(value, field.type, child, depth)}`;
      });
      return `CASE WHEN ${sql} IS NOT NULL THEN struct_pack(${fields.join(', ')}) END`;
    }
    case 'union':
      if (stored.type.kind !== 'struct') throw mismatch(type, stored);
      return toWireSql(sql, type);
    default:
      return assertNever(type);
  }
}

/** Times that DuckDB spells so that it cannot read them back are spelled otherwise. */
function convertScalar(sql: string, type: SqlType, stored: SqlType): string {
  const isText = stored.kind === 'scalar' && stored.name === 'VARCHAR';
  const isTime = type.kind === 'scalar' && (type.name === 'INTERVAL' || type.name === 'TIME WITH TIME ZONE');
  return isText && isTime ? toWireSql(sql, type) : `CAST(${sql} AS ${formatType(stored)})`;
}

function convertElement(type: SqlType, stored: StoredField, depth: number): string {
  const name = `x${depth}`;
  return `lambda ${name}: ${convert(name, type, stored, depth + 1)}`;
}

/** Whether DuckDB writes the value as it is. */
function isStoredAs(type: SqlType, stored: StoredField): boolean {
  if (stored.children.length === 0) return sameType(type, stored.type);
  switch (type.kind) {
    case 'struct':
      return type.fields.every((field, index) => {
        const child = structChild(type, stored, index);
        return child.name === field.name && isStoredAs(field.type, child);
      });
    case 'list':
      return stored.type.kind === 'list' && isStoredAs(type.element, childOf(stored, 0, stored.type.element));
    case 'map':
      return (
        stored.type.kind === 'map' &&
        isStoredAs(type.key, childOf(stored, 0, stored.type.key)) &&
        isStoredAs(type.value, childOf(stored, 1, stored.type.value))
      );
    case 'array':
      return false;
    case 'scalar':
    case 'decimal':
    case 'enum':
    case 'union':
      return sameType(type, stored.type);
    default:
      return assertNever(type);
  }
}

/** A nested field; where nothing is said of it, its name and type are those of the outer type. */
function childOf(stored: StoredField, index: number, type: SqlType, name = ''): StoredField {
  return stored.children[index] ?? { name, fieldId: undefined, type, children: [] };
}

function structChild(
  type: Extract<SqlType, { kind: 'struct' }>,
  stored: StoredField,
  index: number,
): StoredField {
  const field = stored.type.kind === 'struct' ? stored.type.fields[index] : undefined;
  if (
    field === undefined ||
    stored.type.kind !== 'struct' ||
    stored.type.fields.length !== type.fields.length
  ) {
    throw mismatch(type, stored);
  }
  return childOf(stored, index, field.type, field.name);
}

function mismatch(type: SqlType, stored: StoredField): SkeinError {
  const message = `${formatType(type)} cannot be stored as ${formatType(stored.type)} in column "${stored.name}"`;
  return new SkeinError(SqlState.datatypeMismatch, message);
}

/**
 * The fields' ids as `COPY ... (FIELD_IDS ...)` takes them; undefined where no field has one.
 * @see DuckDB, Parquet FIELD_IDS
 */
export function fieldIds(fields: readonly StoredField[]): string | undefined {
  const entries = fields.flatMap((field) => {
    const ids = idsOf(field);
    return ids === undefined ? [] : [`${quoteIdentifier(field.name)}: ${ids}`];
  });
  return entries.length === 0 ? undefined : `{${entries.join(', ')}}`;
}

function idsOf(field: StoredField): string | undefined {
  const names = childNames(field);
  const children = field.children.flatMap((child, index) => {
    const ids = idsOf(child);
    return ids === undefined ? [] : [`${quoteIdentifier(names[index] ?? child.name)}: ${ids}`];
  });
  if (children.length === 0) return field.fieldId === undefined ? undefined : String(field.fieldId);
  const own = field.fieldId === undefined ? [] : [`__duckdb_field_id: ${field.fieldId}`];
  return `{${[...own, ...children].join(', ')}}`;
}

/** DuckDB's names of nested fields in a file. */
function childNames({ type }: StoredField): readonly string[] {
  switch (type.kind) {
    case 'list':
    case 'array':
      return ['element'];
    case 'map':
      return ['key', 'value'];
    case 'struct':
    case 'union':
    case 'scalar':
    case 'decimal':
    case 'enum':
      return [];
    default:
      return assertNever(type);
  }
}
