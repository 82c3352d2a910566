export type {
  ClusterInfo,
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
