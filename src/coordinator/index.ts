export { createQueryService, type QueryServiceOptions } from './create-query-service.ts';
export {
  createIngestService,
  type IngestLimits,
  type IngestServiceOptions,
} from './ingest/create-ingest-service.ts';
export type {
  AppendRequest,
  AppendResult,
  IngestService,
  LoadBody,
  LoadRequest,
  LoadResult,
  LoadSource,
} from './ingest/ingest-service.ts';
export {
  type MemberEvent,
  Membership,
  type MembershipLimits,
  type MembershipOptions,
} from './members/index.ts';
export { explainText } from './observe/explain-text.ts';
export { treeToDot } from './observe/tree-to-dot.ts';
export { defaultQueryLimits, type QueryLimits } from './query-limits.ts';
export type {
  ClusterInfo,
  Health,
  QueryErrorInfo,
  QueryHandle,
  QueryInfo,
  QueryProgress,
  QueryRequest,
  QueryService,
  QueryState,
  QueryStats,
  ResultPage,
  WorkerInfo,
} from './query-service.ts';
export type { QueryTree, StageTree, TaskTree } from './query-tree.ts';
export { settingNames } from './settings.ts';
export type {
  ResultRows,
  StatementContext,
  StatementQuery,
  StatementResult,
  StatementWork,
  WriteLayout,
  WriteOutcome,
  WriteRequest,
} from './statements/statement-context.ts';
