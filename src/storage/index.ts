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
