import { assertNever } from '../common/index.ts';

/** DuckDB's types without parameters, by the name DuckDB prints. `NULL` is the type of a bare NULL. */
export type ScalarName =
  | 'NULL'
  | 'BOOLEAN'
  | 'TINYINT'
  | 'SMALLINT'
  | 'INTEGER'
  | 'BIGINT'
  | 'HUGEINT'
  | 'UTINYINT'
  | 'USMALLINT'
  | 'UINTEGER'
  | 'UBIGINT'
  | 'UHUGEINT'
  | 'BIGNUM'
  | 'FLOAT'
  | 'DOUBLE'
  | 'DATE'
  | 'TIME'
  | 'TIME_NS'
  | 'TIME WITH TIME ZONE'
  | 'TIMESTAMP'
  | 'TIMESTAMP_S'
  | 'TIMESTAMP_MS'
  | 'TIMESTAMP_NS'
  | 'TIMESTAMP WITH TIME ZONE'
  | 'INTERVAL'
  | 'UUID'
  | 'BLOB'
  | 'BIT'
  | 'VARCHAR'
  | 'JSON'
  | 'VARIANT'
  | 'GEOMETRY';

/** Names of the integer types. */
export const integerTypes: ReadonlySet<string> = new Set<ScalarName>([
  'TINYINT',
  'SMALLINT',
  'INTEGER',
  'BIGINT',
  'HUGEINT',
  'UTINYINT',
  'USMALLINT',
  'UINTEGER',
  'UBIGINT',
  'UHUGEINT',
]);

/** A SQL type. Structural: two equal types print alike. */
export type SqlType =
  | { readonly kind: 'scalar'; readonly name: ScalarName }
  | { readonly kind: 'decimal'; readonly width: number; readonly scale: number }
  | { readonly kind: 'enum'; readonly values: readonly string[] }
  | { readonly kind: 'list'; readonly element: SqlType }
  | { readonly kind: 'array'; readonly element: SqlType; readonly length: number }
  | { readonly kind: 'map'; readonly key: SqlType; readonly value: SqlType }
  | { readonly kind: 'struct'; readonly fields: readonly Column[] }
  | { readonly kind: 'union'; readonly members: readonly Column[] };

export interface Column {
  readonly name: string;
  readonly type: SqlType;
}

/** Columns in order. Names may repeat: position is identity. */
export type Schema = readonly Column[];

export function scalar(name: ScalarName): SqlType {
  return { kind: 'scalar', name };
}

/** Quotes an identifier for DuckDB. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Quotes a string literal for DuckDB. */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/**
 * The type as DuckDB reads it: `DECIMAL(15,2)`, `STRUCT("a" INTEGER)[]`, `ENUM('x', 'y')`. A field without a name, as
 * `row(1, 2)` has it, prints as its type alone: so does DuckDB, which cannot read that back.
 */
export function formatType(type: SqlType): string {
  switch (type.kind) {
    case 'scalar':
      return type.name === 'NULL' ? '"NULL"' : type.name;
    case 'decimal':
      return `DECIMAL(${type.width},${type.scale})`;
    case 'enum':
      return `ENUM(${type.values.map(quoteLiteral).join(', ')})`;
    case 'list':
      return `${formatType(type.element)}[]`;
    case 'array':
      return `${formatType(type.element)}[${type.length}]`;
    case 'map':
      return `MAP(${formatType(type.key)}, ${formatType(type.value)})`;
    case 'struct':
      return `STRUCT(${formatColumns(type.fields)})`;
    case 'union':
      return `UNION(${formatColumns(type.members)})`;
    default:
      return assertNever(type);
  }
}

function formatColumns(columns: readonly Column[]): string {
  return columns
    .map(({ name, type }) =>
      name === '' ? formatType(type) : `${quoteIdentifier(name)} ${formatType(type)}`,
    )
    .join(', ');
}

export function sameType(a: SqlType, b: SqlType): boolean {
  return formatType(a) === formatType(b);
}
