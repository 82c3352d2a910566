export type { Catalog, CatalogSnapshot } from './catalog.ts';
export type {
  CatalogDocument,
  CommentEntry,
  StoredFormat,
  TableEntry,
  ViewEntry,
} from './catalog-document.ts';
export { CatalogLog, type CatalogLogOptions } from './catalog-log.ts';
export {
  FileCatalog,
  type FileCatalogOptions,
  type FileInspection,
  type InspectFiles,
} from './file-catalog.ts';
