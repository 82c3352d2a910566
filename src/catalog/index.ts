export type { Catalog, CatalogSnapshot } from './catalog.ts';
