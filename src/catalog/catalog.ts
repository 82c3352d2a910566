import type { TableSnapshot } from '../storage/index.ts';

/** Names to tables. A snapshot taken at the start of a query holds for all of it. */
export interface Catalog {
  /**
   * Every table as of a moment ago, sorted by name; looks for changed files when `refresh` is due.
   * @param options fresh: as of now, because something was seen to have changed
   */
  snapshot(signal: AbortSignal, options?: { readonly fresh?: boolean }): Promise<CatalogSnapshot>;
  /** Folders that hold the tables' files: what workers must be able to read. */
  readonly roots: readonly string[];
}

export interface CatalogSnapshot {
  /** Changes whenever a table does; equal versions have equal tables. */
  readonly version: number;
  /** By qualified name (`main.users`). */
  readonly tables: ReadonlyMap<string, TableSnapshot>;
  /** Tables whose files cannot be read, by qualified name: the error a query of them gets. */
  readonly broken: ReadonlyMap<string, Error>;
}
