export {
  append,
  changeRows,
  changeTable,
  checkFilesExist,
  createTable,
  overwrite,
  type RowChanges,
  rearrange,
  replaceTable,
  restore,
  shallowClone,
} from './delta/build-actions.ts';
export {
  addCheck,
  type CheckConstraint,
  type ColumnExpression,
  type ColumnRules,
  columnRules,
  defaultOf,
  dropCheck,
  farthestIdentity,
  generationOf,
  type Identity,
  type IdentityColumn,
  type IdentityRange,
  identityOf,
  nextIdentities,
  withComment,
  withDefault,
  withGeneration,
  withIdentity,
  withInvariant,
} from './delta/column-rules.ts';
export { type CommitRequest, type CommitResult, commitDelta } from './delta/commit-delta.ts';
export { type CommitLog, type LogCommit, storeCommitLog } from './delta/commit-log.ts';
export {
  type AddOptions,
  crc32Of,
  type FileDeletion,
  shardOf,
  toAddAction,
  toCdcAction,
} from './delta/file-actions.ts';
export {
  type CopyColumnStats,
  fileStats,
  indexedColumns,
  leafColumns,
  type StatsColumn,
} from './delta/file-stats.ts';
export type { ConflictReason, Isolation, TransactionReads } from './delta/find-conflict.ts';
export { type MaintainResult, maintainLog, type VersionState } from './delta/maintain-log.ts';
export { partitionFolder, partitionValueToSql, serializePartitionValue } from './delta/partition-value.ts';
export { planVacuum, type VacuumPlan, type VacuumRequest } from './delta/plan-vacuum.ts';
export {
  checkWritable,
  isActive,
  lowestProtocol,
  neededFeatures,
  splitFeatureRequests,
  supportsFeature,
  upgradeProtocol,
} from './delta/table-features.ts';
export {
  type DeltaProperties,
  deltaProperties,
  intervalMs,
  validateProperties,
} from './delta/table-properties.ts';
export { countSplits, dealSplits, wholeSplits } from './plan-splits.ts';
export type { FileFormat, HivePartitioning, Split, TableFile, TableSnapshot } from './table.ts';
