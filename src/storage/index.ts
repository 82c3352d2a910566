export { countSplits, dealSplits, wholeSplits } from './plan-splits.ts';
export type { FileFormat, HivePartitioning, Split, TableFile, TableSnapshot } from './table.ts';
