export { countSplits, dealSplits, wholeSplits } from './plan-splits.ts';
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
