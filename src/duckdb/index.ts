export { ArrowRows, writeArrowParquet } from './arrow/index.ts';
export type {
  BindRequest,
  BoundCatalogQuery,
  BoundPlan,
  BoundQuery,
  BoundWhole,
  NamedShadowTable,
  ShadowTables,
  SystemRows,
  VersionRequest,
} from './bind/bound-query.ts';
export { settingName } from './bind/session-settings.ts';
export { ShadowCatalog } from './bind/shadow-catalog.ts';
export { DuckDb, type DuckDbOptions } from './duckdb.ts';
export { DuckDbConnection, type StreamedResult, trackProgress } from './duckdb-connection.ts';
export { type DuckDbErrorInfo, parseDuckDbError, toSkeinDuckDbError } from './duckdb-error.ts';
export { fromDuckDbType } from './duckdb-type.ts';
export { columnsLiteral, type InspectedFiles, inspectFiles } from './inspect-files.ts';
export { DuckDbParquetRows, type ParquetRowsOptions, type ParquetSource } from './parquet-rows.ts';
export { type LeafName, printScalar, printSql } from './print/index.ts';
