import './main/thread-pool.ts';

export type {
  AppendedRow,
  AppendOptions,
  ExplainOptions,
  LoadOptions,
  QueryFilter,
  QueryOptions,
  QueryResult,
  RowObject,
  RowsToAppend,
  Session,
} from './client/index.ts';
export { SkeinError } from './common/index.ts';
export type {
  AppendResult,
  ClusterInfo,
  LoadResult,
  QueryErrorInfo,
  QueryInfo,
  QueryProgress,
  QueryState,
  QueryStats,
  QueryTree,
  StageTree,
  TaskTree,
  WorkerInfo,
} from './coordinator/index.ts';
export { type EmbeddedOptions, type RemoteOptions, Skein } from './main/index.ts';
export type { OperatorTree } from './plan/index.ts';
export {
  type Column,
  formatType,
  formatValue,
  type RecordBatch,
  type Schema,
  type SqlType,
  type SqlValue,
} from './types/index.ts';
