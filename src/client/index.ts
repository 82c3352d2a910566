export {
  type QueryOptions,
  type QueryResult,
  type RowObject,
  RunningQueries,
  type StartedQuery,
} from './query-result.ts';
export { SkeinClient, type SkeinClientOptions } from './skein-client.ts';
