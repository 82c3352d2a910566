import {
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  type DuckDBType,
  DuckDBTypeId,
  DuckDBUnionValue,
  type DuckDBValue,
  DuckDBVariantValue,
} from '@duckdb/node-api';
import type { SqlValue } from '../../src/types/index.ts';

/**
 * The type as src/types prints it, made from DuckDB's own description and not by src/duckdb: the oracle shares no
 * code with what it judges.
 */
export function typeName(type: DuckDBType): string {
  if (type.alias === 'JSON') return 'JSON';
  switch (type.typeId) {
    case DuckDBTypeId.LIST:
      return `${typeName(type.valueType)}[]`;
    case DuckDBTypeId.ARRAY:
      return `${typeName(type.valueType)}[${type.length}]`;
    case DuckDBTypeId.MAP:
      return `MAP(${typeName(type.keyType)}, ${typeName(type.valueType)})`;
    case DuckDBTypeId.STRUCT:
      return `STRUCT(${members(type.entryNames, type.entryTypes)})`;
    case DuckDBTypeId.UNION:
      return `UNION(${members(type.memberTags, type.memberTypes)})`;
    default:
      return String(type);
  }
}

/** `"a" INTEGER, "b" VARCHAR`; without names, as `row(1, 'x')` gives them, the types alone. */
function members(names: readonly string[], types: readonly DuckDBType[]): string {
  if (names.every((name) => name === '')) return types.map(typeName).join(', ');
  return types
    .map((type, index) => `"${(names[index] ?? '').replaceAll('"', '""')}" ${typeName(type)}`)
    .join(', ');
}

/**
 * A value of DuckDB's Node binding in the form that src/types gives to SqlValue; text as DuckDB's own casts spell it,
 * from which the binding's `toString` differs here and there.
 */
export function sqlValue(value: DuckDBValue): SqlValue {
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue) return value.items.map(sqlValue);
  if (value instanceof DuckDBStructValue) {
    return Object.fromEntries(Object.entries(value.entries).map(([name, entry]) => [name, sqlValue(entry)]));
  }
  if (value instanceof DuckDBMapValue) {
    return value.entries.map((entry) => [sqlValue(entry.key), sqlValue(entry.value)]);
  }
  if (value instanceof DuckDBUnionValue) return { tag: value.tag, value: sqlValue(value.value) };
  if (value instanceof DuckDBBlobValue) return value.bytes;
  if (value instanceof DuckDBVariantValue) {
    return typeof value.value === 'string' ? value.value : String(value);
  }
  if (value instanceof DuckDBDateValue && !value.isFinite) return value.days > 0 ? 'infinity' : '-infinity';
  if (value instanceof DuckDBDecimalValue && value.width === value.scale) {
    return String(value).replace(/^(-?)0\./, '$1.');
  }
  return String(value);
}
