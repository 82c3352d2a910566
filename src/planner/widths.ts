import { assertNever } from '../common/index.ts';
import type { Schema, SqlType } from '../types/index.ts';

/** Bytes that a value of the type takes in memory, about. */
export function typeWidth(type: SqlType): number {
  switch (type.kind) {
    case 'scalar':
      return scalarWidth(type.name);
    case 'decimal':
      return type.width <= 18 ? 8 : 16;
    case 'enum':
      return 2;
    case 'list':
    case 'map':
      return 64;
    case 'array':
      return type.length * typeWidth(type.element);
    case 'struct':
      return type.fields.reduce((sum, field) => sum + typeWidth(field.type), 0);
    case 'union':
      return 1 + Math.max(0, ...type.members.map((member) => typeWidth(member.type)));
    default:
      return assertNever(type);
  }
}

function scalarWidth(name: string): number {
  if (name === 'BOOLEAN' || name === 'TINYINT' || name === 'UTINYINT' || name === 'NULL') return 1;
  if (name === 'SMALLINT' || name === 'USMALLINT') return 2;
  if (name === 'INTEGER' || name === 'UINTEGER' || name === 'FLOAT' || name === 'DATE') return 4;
  if (name === 'HUGEINT' || name === 'UHUGEINT' || name === 'UUID' || name === 'INTERVAL') return 16;
  if (name === 'VARCHAR' || name === 'BLOB' || name === 'BIT' || name === 'BIGNUM') return 24;
  if (name === 'JSON' || name === 'VARIANT' || name === 'GEOMETRY') return 64;
  return 8;
}

/** Bytes of a row, about; at least 1. */
export function rowWidth(schema: Schema): number {
  return Math.max(
    1,
    schema.reduce((sum, field) => sum + typeWidth(field.type), 0),
  );
}

/** Position of the column that costs least to carry; undefined without columns. */
export function narrowestColumn(schema: Schema): number | undefined {
  let best: number | undefined;
  let bestWidth = Number.POSITIVE_INFINITY;
  schema.forEach((field, index) => {
    const width = typeWidth(field.type);
    if (width < bestWidth) {
      best = index;
      bestWidth = width;
    }
  });
  return best;
}
