export {
  type QueryOptions,
  type QueryResult,
  type RowObject,
  RunningQueries,
  type StartedQuery,
} from './query-result.ts';
export { type ExplainOptions, explainQuery, type QueryFilter, type Session } from './session.ts';
export { SkeinClient, type SkeinClientOptions } from './skein-client.ts';
