export { dataFileKey, keyOfPath, pathOfKey } from './data-file-name.ts';
export type { AddAction, DeltaAction, MetadataAction, ProtocolAction } from './delta/actions.ts';
export { append, changeRows, changeTable, checkFilesExist, createTable, overwrite, replaceTable, restore, shallowClone } from './delta/build-actions.ts';
export { numRecordsOf } from './delta/check-actions.ts';
export { addCheck, type ColumnRules, columnRules, dropCheck, nextIdentities, withComment, withDefault, withGeneration, withIdentity } from './delta/column-rules.ts';
export { commitDelta, type CommitRequest, type CommitResult } from './delta/commit-delta.ts';
export { storeCommitLog } from './delta/commit-log.ts';
export { deletionVectorKey, encodeDeletionVector, encodeDeletionVectorName, frameDeletionVectors, readDeletionVector } from './delta/deletion-vector.ts';
export { assignColumnMapping, fieldsToSchema, fieldsToSchemaString, schemaToFields } from './delta/delta-schema.ts';
export type { DeltaField, DeltaSnapshot } from './delta/delta-snapshot.ts';
export { DeltaFileCache, deltaTableSnapshot, storedField } from './delta/delta-table-snapshot.ts';
export { type FileDeletion, toAddAction } from './delta/file-actions.ts';
export type { ConflictReason, TransactionReads } from './delta/find-conflict.ts';
export { randomUuid } from './delta/random-uuid.ts';
export { type RowRuns, RowRunsBuilder, uniteRowRuns } from './delta/row-runs.ts';
export { formatSharding, parseSharding, shardingProperty } from './delta/sharding-property.ts';
export { lowestProtocol, neededFeatures, splitFeatureRequests } from './delta/table-features.ts';
export { type DeltaProperties, deltaProperties, validateProperties } from './delta/table-properties.ts';
export type { ListOptions, ObjectBody, ObjectInfo, ObjectStore, PutBody } from './object-store/object-store.ts';
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
export { rangeShardSql } from './sharding/range-shard.ts';
export { shardClass } from './sharding/shard-class.ts';
export { hashShardSql } from './sharding/shard-hash-sql.ts';
export { fieldIds, partitionText, storedExpression } from './stored-sql.ts';
export type { TableWrite, WrittenColumn, WrittenFile } from './table-write.ts';
export type { DeltaColumn, DeltaFormat, FileFormat, Sharding, Split, StoredField, TableFile, TableSnapshot } from './table.ts';
export { writtenFileColumns, writtenFileFromRow, writtenFileToJson } from './written-file.ts';
export type {
  AddAction,
  CommitInfo,
  DeletionVectorDescriptor,
  DeltaAction,
  DomainMetadataAction,
  MetadataAction,
  ProtocolAction,
  TransactionAction,
} from './delta/actions.ts';
export { type CommitSummary, DeltaLog, type DeltaLogOptions } from './delta/delta-log.ts';
export type { ColumnMappingMode, DeltaField, DeltaSnapshot } from './delta/delta-snapshot.ts';
export { DeltaFileCache, deltaTableSnapshot } from './delta/delta-table-snapshot.ts';
export type { ParquetColumn, ParquetObject, ParquetRows, ScratchFile } from './delta/parquet-rows.ts';
export {
  crc32Tag,
  formatSharding,
  parseSharding,
  shardingProperty,
  shardTag,
} from './delta/sharding-property.ts';
export {
  type ByteRange,
  changedObject,
  checkKey,
  compareKeys,
  formatLocation,
  type GetOptions,
  isAbsoluteLocation,
  joinLocation,
  type ListOptions,
  type Location,
  missingObject,
  type ObjectBody,
  type ObjectInfo,
  type ObjectStore,
  ObjectStores,
  type ObjectStoresOptions,
  type PutBody,
  parseLocation,
  readAll,
  relativeKey,
  resolveLocation,
  type S3Limits,
  type S3Options,
  splitLocation,
} from './object-store/index.ts';
export { countSplits, dealSplits, wholeSplits } from './plan-splits.ts';
export {
  type CachedFile,
  RangeCache,
  type RangeCacheOptions,
  type RangeCacheStats,
  type WantedBytes,
} from './range-cache/index.ts';
export { placeShards, type ShardKey, type WeightedWorker } from './sharding/place-shards.ts';
export { rangeShardSql } from './sharding/range-shard.ts';
export { keepsShard, type ShardClass, shardClass } from './sharding/shard-class.ts';
export { shardHash, shardOf } from './sharding/shard-hash.ts';
export { hashShardSql, shardHashSql } from './sharding/shard-hash-sql.ts';
export type {
  DeltaColumn,
  DeltaFile,
  DeltaFormat,
  FileFormat,
  HivePartitioning,
  Sharding,
  Split,
  StoredField,
  TableFile,
  TableSnapshot,
} from './table.ts';
