export type {
  Catalog,
  CatalogComment,
  CatalogFiles,
  CatalogNames,
  CatalogSnapshot,
  FoundFile,
  FoundFiles,
  FoundObject,
  NewTable,
  OpenedDeltaTable,
  OpenedTable,
  SnapshotOptions,
  TableVersion,
} from './catalog.ts';
export type {
  CatalogDocument,
  CommentEntry,
  StoredFormat,
  TableEntry,
  ViewEntry,
} from './catalog-document.ts';
export { CatalogLog, type CatalogLogOptions } from './catalog-log.ts';
export type { OpenDeltaLog } from './delta-tables.ts';
export type { QualifiedName } from './edit-document.ts';
export type { FileInspection, InspectFiles } from './file-tables.ts';
export { WarehouseCatalog, type WarehouseOptions } from './warehouse-catalog.ts';
