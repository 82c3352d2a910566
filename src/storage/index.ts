export { dataFileKey, keyOfPath, pathOfKey } from './data-file-name.ts';
export { dealNear } from './deal-near.ts';
export type {
  AddAction,
  CdcAction,
  DeletionVectorDescriptor,
  DeltaAction,
  MetadataAction,
  ProtocolAction,
} from './delta/actions.ts';
export { type AnalyzedStatistics, StatisticsFile } from './delta/analyzed-statistics.ts';
export {
  append,
  changeRows,
  changeTable,
  checkFilesExist,
  createTable,
  overwrite,
  rearrange,
  replaceTable,
  restore,
  shallowClone,
} from './delta/build-actions.ts';
export { numRecordsOf } from './delta/check-actions.ts';
export {
  addCheck,
  type ColumnRules,
  columnRules,
  dropCheck,
  type IdentityColumn,
  nextIdentities,
  withComment,
  withDefault,
  withGeneration,
  withIdentity,
} from './delta/column-rules.ts';
export { type CommitRequest, type CommitResult, commitDelta } from './delta/commit-delta.ts';
export { storeCommitLog } from './delta/commit-log.ts';
export {
  deletionVectorKey,
  encodeDeletionVector,
  encodeDeletionVectorName,
  frameDeletionVectors,
  inlineDeletionVector,
  readDeletionVector,
} from './delta/deletion-vector.ts';
export { type CheckPlace, DeltaLog } from './delta/delta-log.ts';
export {
  assignColumnMapping,
  fieldsToSchema,
  fieldsToSchemaString,
  schemaToFields,
} from './delta/delta-schema.ts';
export type { DeltaField, DeltaSnapshot } from './delta/delta-snapshot.ts';
export { DeltaFileCache, deltaTableSnapshot, storedField } from './delta/delta-table-snapshot.ts';
export { type FileDeletion, toAddAction, toCdcAction } from './delta/file-actions.ts';
export { fileStats, leafColumns } from './delta/file-stats.ts';
export type { ConflictReason, TransactionReads } from './delta/find-conflict.ts';
export { planVacuum } from './delta/plan-vacuum.ts';
export { randomUuid } from './delta/random-uuid.ts';
export { eachRun, type RowRuns, RowRunsBuilder, uniteRowRuns } from './delta/row-runs.ts';
export { formatSharding, parseSharding, shardingProperty } from './delta/sharding-property.ts';
export { storedType } from './delta/stored-type.ts';
export { tableChanges } from './delta/table-changes.ts';
export { lowestProtocol, neededFeatures, splitFeatureRequests } from './delta/table-features.ts';
export { type DeltaProperties, deltaProperties, validateProperties } from './delta/table-properties.ts';
export { formatLocation, parseLocation, shownLocation, splitLocation } from './object-store/location.ts';
export type { ObjectInfo, ObjectStore, PutBody } from './object-store/object-store.ts';
export { ObjectStores } from './object-store/object-stores.ts';
export type { S3Options } from './object-store/s3-connection.ts';
export { canPartitionBy, checkPartitionValue, partitionText, partitionValueSql } from './partition-value.ts';
export { countSplits, dealShards, dealSplits, wholeSplits } from './plan-splits.ts';
export { type PrunedFiles, pruneFiles } from './prune/prune-files.ts';
export { type FileColumn, mayMatch } from './prune/prune-row-groups.ts';
export type { ParquetRowGroup } from './range-cache/parquet-layout.ts';
export {
  type CachedFile,
  RangeCache,
  type RangeCacheStats,
  type WantedBytes,
} from './range-cache/range-cache.ts';
export { rangeShardSql } from './sharding/range-shard.ts';
export { shardClass } from './sharding/shard-class.ts';
export { countShards } from './sharding/shard-group.ts';
export { hashShardSql, shardTaskSql } from './sharding/shard-hash-sql.ts';
export { ShardPlacement } from './sharding/shard-placement.ts';
export { fieldIds, storedExpression } from './stored-sql.ts';
export type {
  DeltaColumn,
  DeltaFormat,
  FileFormat,
  Sharding,
  Split,
  StoredField,
  TableFile,
  TableSnapshot,
} from './table.ts';
export { fileLocation } from './table-file-path.ts';
export type { TableWrite, WrittenColumn, WrittenFile } from './table-write.ts';
export { writtenFileColumns, writtenFileFromRow, writtenFileToJson } from './written-file.ts';
