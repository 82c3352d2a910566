export { dataFileKey, keyOfPath, pathOfKey } from './data-file-name.ts';
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
export { fieldIds, partitionText, storedExpression } from './stored-sql.ts';
export type {
  FileFormat,
  HivePartitioning,
  Split,
  StoredField,
  TableFile,
  TableSnapshot,
} from './table.ts';
export type { PartitionColumn, TableWrite, WrittenColumn, WrittenFile } from './table-write.ts';
export { writtenFileColumns, writtenFileFromRow, writtenFileToJson } from './written-file.ts';
