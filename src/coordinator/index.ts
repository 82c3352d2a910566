export {
  type MemberEvent,
  Membership,
  type MembershipLimits,
  type MembershipOptions,
  protocolVersion,
} from './members/index.ts';
export { treeToDot } from './observe/tree-to-dot.ts';
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
