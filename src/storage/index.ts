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
export { formatLocation, joinLocation, parseLocation } from './object-store/location.ts';
export type {
  ByteRange,
  GetOptions,
  ListOptions,
  ObjectBody,
  ObjectInfo,
  ObjectStore,
  PutBody,
} from './object-store/object-store.ts';
export { ObjectStores, type ObjectStoresOptions } from './object-store/object-stores.ts';
export type { S3Options } from './object-store/s3-connection.ts';
export { countSplits, dealSplits, wholeSplits } from './plan-splits.ts';
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
