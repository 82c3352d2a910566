import type { Schema } from './sql-type.ts';

/**
 * A SQL value in JavaScript, by its type:
 * BOOLEAN boolean; TINYINT to INTEGER, UTINYINT to UINTEGER, FLOAT, DOUBLE number;
 * BIGINT, UBIGINT, HUGEINT, UHUGEINT, BIGNUM bigint; BLOB Uint8Array; LIST and ARRAY arrays;
 * STRUCT an object, without field names (`row(1, 2)`) an array; MAP an array of `[key, value]`; UNION `{ tag, value }`;
 * every other type a string in DuckDB's own spelling (DECIMAL, dates, times, INTERVAL, UUID, JSON ...).
 */
export type SqlValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly SqlValue[]
  | { readonly [field: string]: SqlValue };

/** Some rows of a result, column by column; every column has `rowCount` values. */
export interface RecordBatch {
  readonly schema: Schema;
  readonly rowCount: number;
  readonly columns: readonly (readonly SqlValue[])[];
}
