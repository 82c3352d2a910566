export type { Catalog, CatalogSnapshot } from './catalog.ts';
export {
  FileCatalog,
  type FileCatalogOptions,
  type FileInspection,
  type InspectFiles,
} from './file-catalog.ts';
