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
export type { ColumnMappingMode, DeltaField, DeltaSnapshot } from './delta/delta-snapshot.ts';
export type {
  ByteRange,
  GetOptions,
  ListOptions,
  ObjectBody,
  ObjectInfo,
  ObjectStore,
  PutBody,
} from './object-store/object-store.ts';
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
