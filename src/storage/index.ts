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
  FileFormat,
  HivePartitioning,
  Split,
  StoredField,
  TableFile,
  TableSnapshot,
} from './table.ts';
export type { PartitionColumn, TableWrite, WrittenColumn, WrittenFile } from './table-write.ts';
