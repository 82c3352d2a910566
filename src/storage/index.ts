export { dealNear } from './deal-near.ts';
export type { DeletionVectorDescriptor } from './delta/actions.ts';
export { readDeletionVector } from './delta/deletion-vector.ts';
export { eachRun, type RowRuns } from './delta/row-runs.ts';
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
export { countSplits, dealShards, dealSplits, wholeSplits } from './plan-splits.ts';
export { type PrunedFiles, pruneFiles } from './prune/index.ts';
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
