import type { StoredField } from '../../rpc/index.ts';
import { formatType, parseType, quoteIdentifier, quoteLiteral, type SqlType } from '../../types/index.ts';

/** The type of a field with the names and types that its parts have in the data files. */
export function storedType({ type: text, children }: StoredField): SqlType {
  const type = parseType(text);
  const part = (index: number, otherwise: SqlType): SqlType => {
    const child = children[index];
    return child === undefined ? otherwise : storedType(child);
  };
  switch (type.kind) {
    case 'struct':
      return {
        kind: 'struct',
        fields: type.fields.map((field, index) => ({
          name: children[index]?.name ?? field.name,
          type: part(index, field.type),
        })),
      };
    case 'list':
      return { kind: 'list', element: part(0, type.element) };
    case 'map':
      return { kind: 'map', key: part(0, type.key), value: part(1, type.value) };
    default:
      return type;
  }
}

/** Delta's `void`: no data file has the column. */
export function isVoid(type: SqlType): boolean {
  return type.kind === 'scalar' && type.name === 'NULL';
}

/**
 * SQL that makes of a stored value one of the column's type: casts where only types differ, and parts put together
 * again where a struct's fields have other names. A NULL struct stays NULL.
 * @param depth of lambdas around it, whose variables must differ
 */
export function restored(value: string, from: SqlType, to: SqlType, depth = 0): string {
  if (formatType(from) === formatType(to)) return value;
  if (!isRenamed(from, to)) return `CAST(${value} AS ${formatType(to)})`;
  const variable = `v${depth}`;
  if (from.kind === 'struct' && to.kind === 'struct') {
    const fields = to.fields.map((field, index) => {
      const stored = from.fields[index];
      if (stored === undefined)
        return `${quoteIdentifier(field.name)} := CAST(NULL AS ${formatType(field.type)})`;
      const part = `struct_extract(${value}, ${quoteLiteral(stored.name)})`;
      return `${quoteIdentifier(field.name)} := ${restored(part, stored.type, field.type, depth)}`;
    });
    return `CASE WHEN ${value} IS NOT NULL THEN struct_pack(${fields.join(', ')}) END`;
  }
  if (from.kind === 'list' && to.kind === 'list') {
    const element = restored(variable, from.element, to.element, depth + 1);
    return `list_transform(${value}, lambda ${variable}: ${element})`;
  }
  if (from.kind === 'map' && to.kind === 'map') {
    const key = restored(`${variable}.key`, from.key, to.key, depth + 1);
    const item = restored(`${variable}.value`, from.value, to.value, depth + 1);
    const entry = `struct_pack("key" := ${key}, "value" := ${item})`;
    return `map_from_entries(list_transform(map_entries(${value}), lambda ${variable}: ${entry}))`;
  }
  return `CAST(${value} AS ${formatType(to)})`;
}

/** True where some struct inside has fields of other names: a cast would go by them. */
function isRenamed(from: SqlType, to: SqlType): boolean {
  if (from.kind === 'struct' && to.kind === 'struct') {
    return (
      from.fields.length !== to.fields.length ||
      from.fields.some((field, index) => {
        const other = to.fields[index];
        return other === undefined || field.name !== other.name || isRenamed(field.type, other.type);
      })
    );
  }
  if (from.kind === 'list' && to.kind === 'list') return isRenamed(from.element, to.element);
  if (from.kind === 'map' && to.kind === 'map') {
    return isRenamed(from.key, to.key) || isRenamed(from.value, to.value);
  }
  return false;
}
