export { type ColumnStatistics, statisticStep, statisticValue } from './column-statistics.ts';
export { distinctNames } from './distinct-names.ts';
export { formatExactJson, parseExactJson } from './exact-json.ts';
export { formatValue } from './format-value.ts';
export { paramFromJson, paramToJson } from './json-param.ts';
export {
  formatBlob,
  isUnnamedStruct,
  type JsonDecoder,
  type JsonEncoder,
  jsonDecoder,
  jsonEncoder,
  parseBlob,
} from './json-value.ts';
export { isScalarName, parseType } from './parse-type.ts';
export type { RecordBatch, SqlValue } from './record-batch.ts';
export {
  type Column,
  formatType,
  integerTypes,
  quoteIdentifier,
  quoteLiteral,
  type ScalarName,
  type Schema,
  type SqlType,
  sameType,
  scalar,
} from './sql-type.ts';
export { fromWireSql, toWireSql } from './wire-sql.ts';
export { exchangeParquetOptions, wireType } from './wire-type.ts';
