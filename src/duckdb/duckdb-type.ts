import {
  DuckDBArrayType,
  DuckDBDecimalType,
  DuckDBEnumType,
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
  DuckDBUnionType,
} from '@duckdb/node-api';
import { SkeinError, SqlState } from '../common/index.ts';
import { type Column, type ScalarName, type SqlType, scalar } from '../types/index.ts';

/** DuckDB's types that have no parameters. A VARCHAR with the alias JSON is JSON. */
const scalarNames: ReadonlyMap<DuckDBTypeId, ScalarName> = new Map([
  [DuckDBTypeId.SQLNULL, 'NULL'],
  [DuckDBTypeId.BOOLEAN, 'BOOLEAN'],
  [DuckDBTypeId.TINYINT, 'TINYINT'],
  [DuckDBTypeId.SMALLINT, 'SMALLINT'],
  [DuckDBTypeId.INTEGER, 'INTEGER'],
  [DuckDBTypeId.BIGINT, 'BIGINT'],
  [DuckDBTypeId.HUGEINT, 'HUGEINT'],
  [DuckDBTypeId.UTINYINT, 'UTINYINT'],
  [DuckDBTypeId.USMALLINT, 'USMALLINT'],
  [DuckDBTypeId.UINTEGER, 'UINTEGER'],
  [DuckDBTypeId.UBIGINT, 'UBIGINT'],
  [DuckDBTypeId.UHUGEINT, 'UHUGEINT'],
  [DuckDBTypeId.BIGNUM, 'BIGNUM'],
  [DuckDBTypeId.FLOAT, 'FLOAT'],
  [DuckDBTypeId.DOUBLE, 'DOUBLE'],
  [DuckDBTypeId.DATE, 'DATE'],
  [DuckDBTypeId.TIME, 'TIME'],
  [DuckDBTypeId.TIME_NS, 'TIME_NS'],
  [DuckDBTypeId.TIME_TZ, 'TIME WITH TIME ZONE'],
  [DuckDBTypeId.TIMESTAMP, 'TIMESTAMP'],
  [DuckDBTypeId.TIMESTAMP_S, 'TIMESTAMP_S'],
  [DuckDBTypeId.TIMESTAMP_MS, 'TIMESTAMP_MS'],
  [DuckDBTypeId.TIMESTAMP_NS, 'TIMESTAMP_NS'],
  [DuckDBTypeId.TIMESTAMP_TZ, 'TIMESTAMP WITH TIME ZONE'],
  [DuckDBTypeId.INTERVAL, 'INTERVAL'],
  [DuckDBTypeId.UUID, 'UUID'],
  [DuckDBTypeId.BLOB, 'BLOB'],
  [DuckDBTypeId.BIT, 'BIT'],
  [DuckDBTypeId.VARCHAR, 'VARCHAR'],
  [DuckDBTypeId.VARIANT, 'VARIANT'],
  [DuckDBTypeId.GEOMETRY, 'GEOMETRY'],
]);

/**
 * Gives a type of a DuckDB result as ours.
 * @throws SkeinError 0A000 for a type that has no counterpart
 */
export function fromDuckDbType(type: DuckDBType): SqlType {
  if (type instanceof DuckDBDecimalType) return { kind: 'decimal', width: type.width, scale: type.scale };
  if (type instanceof DuckDBEnumType) return { kind: 'enum', values: [...type.values] };
  if (type instanceof DuckDBListType) return { kind: 'list', element: fromDuckDbType(type.valueType) };
  if (type instanceof DuckDBArrayType)
    return { kind: 'array', element: fromDuckDbType(type.valueType), length: type.length };
  if (type instanceof DuckDBMapType)
    return { kind: 'map', key: fromDuckDbType(type.keyType), value: fromDuckDbType(type.valueType) };
  if (type instanceof DuckDBStructType)
    return { kind: 'struct', fields: columns(type.entryNames, type.entryTypes) };
  if (type instanceof DuckDBUnionType)
    return { kind: 'union', members: columns(type.memberTags, type.memberTypes) };
  if (type.typeId === DuckDBTypeId.VARCHAR && type.alias === 'JSON') return scalar('JSON');
  const name = scalarNames.get(type.typeId);
  if (name === undefined)
    throw new SkeinError(SqlState.featureNotSupported, `type ${String(type)} is not supported`);
  return scalar(name);
}

function columns(names: readonly string[], types: readonly DuckDBType[]): Column[] {
  return types.map((type, index) => ({ name: names[index] ?? '', type: fromDuckDbType(type) }));
}
