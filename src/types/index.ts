export { formatValue } from './format-value.ts';
export type { RecordBatch, SqlValue } from './record-batch.ts';
export {
  type Column,
  formatType,
  quoteIdentifier,
  quoteLiteral,
  type ScalarName,
  type Schema,
  type SqlType,
  sameType,
  scalar,
} from './sql-type.ts';
