export type { FileFormat, HivePartitioning, Split, TableFile, TableSnapshot } from './table.ts';
