export { type AppendedRow, jsonLines, type RowsToAppend } from './json-lines.ts';
export { type LocalFile, localFile } from './local-file.node.ts';
export {
  type QueryOptions,
  type QueryResult,
  type RowObject,
  RunningQueries,
  type StartedQuery,
} from './query-result.ts';
export {
  type AppendOptions,
  type ExplainOptions,
  explainQuery,
  type LoadOptions,
  type QueryFilter,
  type Session,
} from './session.ts';
export { SkeinClient, type SkeinClientOptions } from './skein-client.ts';
