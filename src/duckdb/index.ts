export { DuckDb, type DuckDbOptions } from './duckdb.ts';
export { DuckDbConnection, type StreamedResult } from './duckdb-connection.ts';
export { type DuckDbErrorInfo, parseDuckDbError, toSkeinDuckDbError } from './duckdb-error.ts';
export { fromDuckDbType } from './duckdb-type.ts';
export { type InspectedFiles, inspectFiles } from './inspect-files.ts';
