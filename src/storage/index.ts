export type {
  AddAction,
  CdcAction,
  CommitInfo,
  DeletionVectorDescriptor,
  DeltaAction,
  DomainMetadataAction,
  MetadataAction,
  ProtocolAction,
  RemoveAction,
  TransactionAction,
} from './delta/actions.ts';
export { type DataPath, encodeDataPath, resolveDataPath } from './delta/data-path.ts';
export {
  deletionVectorId,
  deletionVectorKey,
  deletionVectorPath,
  encodeDeletionVector,
  encodeDeletionVectorName,
  frameDeletionVectors,
  inlineDeletionVector,
  readDeletionVector,
} from './delta/deletion-vector.ts';
export {
  type Commit,
  type CommitSummary,
  DeltaLog,
  type DeltaLogOptions,
  type SnapshotOptions,
} from './delta/delta-log.ts';
export {
  assignColumnMapping,
  fieldsToSchema,
  fieldsToSchemaString,
  parseSchemaString,
  schemaToFields,
} from './delta/delta-schema.ts';
export type { ColumnMappingMode, DeltaField, DeltaSnapshot } from './delta/delta-snapshot.ts';
export type {
  ParquetColumn,
  ParquetColumnField,
  ParquetObject,
  ParquetRows,
  ScratchFile,
} from './delta/parquet-rows.ts';
export { fileKey } from './delta/replay.ts';
export { eachRow, eachRun, type RowRuns, RowRunsBuilder, rowRunsOf, uniteRowRuns } from './delta/row-runs.ts';
export { keepsOrder, storedType } from './delta/stored-type.ts';
export { countSplits, dealSplits, wholeSplits } from './plan-splits.ts';
export type { FileFormat, HivePartitioning, Split, TableFile, TableSnapshot } from './table.ts';
