import type { DeltaLog, ObjectStore, StatisticsFile, TableSnapshot } from '../storage/index.ts';
import type { StoredFormat, TableEntry, ViewEntry } from './catalog-document.ts';
import type { NamedObject, QualifiedName } from './edit-document.ts';

export interface SnapshotOptions {
  /** As of now, because something was seen to have changed. */
  readonly fresh?: boolean;
  /**
   * Identifiers of a statement, in lower case: tables and views of these names are as of now; others as of the last
   * look at them, and missing where there was none. Default: every table.
   */
  readonly names?: ReadonlySet<string>;
}

/** A version of a Delta table: by number, or the last one that was there at a time. */
export type TableVersion = { readonly version: number } | { readonly timestampMs: number };

/** Names to tables. A snapshot taken at the start of a query holds for all of it. */
export interface Catalog {
  snapshot(signal: AbortSignal, options?: SnapshotOptions): Promise<CatalogSnapshot>;
  /**
   * An older version of a table, named `<key>@v<version>`.
   * @param key the table's key in the snapshot
   * @throws SkeinError 42P01; 42809 where it has no versions; 22023 where it has not, or not any more, this one
   */
  table(key: string, at: TableVersion, signal: AbortSignal): Promise<TableSnapshot>;
  /** Locations that hold the tables' files, the warehouse's first: what workers must be able to read. */
  readonly roots: readonly string[];
  readonly names: CatalogNames;
  readonly files: CatalogFiles;
}

/** A file as it lies in its store. */
export interface FoundFile {
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
  readonly modifiedMs: number;
  readonly etag: string;
}

export interface FoundFiles {
  /** Sorted by path; at least one. */
  readonly files: readonly FoundFile[];
  /** Names of `key=value` folders that every file lies in, outermost first. */
  readonly partitionKeys: readonly string[];
}

/** Files that are no tables: what statements load and export. */
export interface CatalogFiles {
  /**
   * @param location a file, a folder, or a pattern with `*`, `?`, `[a-z]` and `**`; a relative one lies below the warehouse
   * @throws SkeinError 42501 where a file does not lie below the warehouse or a root that the operator named, links
   * resolved; 58P01 where there is none; 22023 for no location
   */
  find(location: string, signal: AbortSignal): Promise<FoundFiles>;
  /** The one spelling of where a file or folder may be put. @throws SkeinError as `find` */
  checkTarget(location: string): Promise<string>;
  /**
   * Files as a table that no catalog has.
   * @param options of DuckDB's reader, as SQL literals
   * @throws SkeinError naming the file that cannot be read
   */
  open(
    name: string,
    kind: 'parquet' | 'csv' | 'json',
    files: FoundFiles,
    options: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<TableSnapshot>;
}

/**
 * What statements change: each is one commit of the document, and throws a SkeinError where it cannot be (42P01 no such
 * table, 42P07 the name is taken, 3F000 no such schema, 42809 another kind of thing, 2BP01 others need it).
 */
export interface CatalogNames {
  createSchema(schema: string, comment: string | undefined, signal: AbortSignal): Promise<void>;
  /** @returns the tables that went with it: whose files the caller deletes where they are managed */
  dropSchema(schema: string, cascade: boolean, signal: AbortSignal): Promise<readonly OpenedTable[]>;
  renameSchema(schema: string, to: string, signal: AbortSignal): Promise<void>;
  /**
   * @param replace puts it in the place of the table of that name, if there is one
   * @returns the table that it replaced
   */
  createTable(table: NewTable, replace: boolean, signal: AbortSignal): Promise<OpenedTable | undefined>;
  /** @returns the table as it was: its files are the caller's to delete where it is managed */
  dropTable(name: QualifiedName, signal: AbortSignal): Promise<OpenedTable>;
  renameTable(name: QualifiedName, to: string, signal: AbortSignal): Promise<void>;
  createView(view: ViewEntry, replace: boolean, signal: AbortSignal): Promise<void>;
  dropView(name: QualifiedName, signal: AbortSignal): Promise<void>;
  renameView(name: QualifiedName, to: string, signal: AbortSignal): Promise<void>;
  /** `name` undefined: of the schema; `text` undefined: takes it away. */
  setComment(
    on: { readonly schema: string; readonly name?: string },
    column: string | undefined,
    text: string | undefined,
    signal: AbortSignal,
  ): Promise<void>;
  /** What is there as of now: a table (files of the warehouse too), a view, or nothing. */
  find(name: QualifiedName, signal: AbortSignal): Promise<FoundObject | undefined>;
  /** The schema as it is spelt. @throws SkeinError 3F000 */
  requireSchema(schema: string, signal: AbortSignal): Promise<string>;
  /** A table for writers, as of now. @throws SkeinError 42P01; 42809 for views and what is no Delta table */
  openTable(name: QualifiedName, signal: AbortSignal): Promise<OpenedDeltaTable>;
  /**
   * Absolute locations of folders that were made for managed tables and that no table has: what is left of statements that
   * broke off, and what others that are at work will name.
   */
  namelessFolders(signal: AbortSignal): Promise<readonly string[]>;
  /** An absolute location of its own for a new managed table: nothing lies there. */
  newTableLocation(name: QualifiedName): string;
  /**
   * The one spelling of a location that a statement names.
   * @throws SkeinError 42501 where it is not below the warehouse or a root that the operator named; 22023 for no location
   */
  checkLocation(location: string): Promise<string>;
}

export interface NewTable extends QualifiedName {
  /** Absolute: of `newTableLocation`, or checked by `checkLocation`. */
  readonly location: string;
  readonly kind: TableEntry['kind'];
  readonly format: StoredFormat;
  readonly options?: Readonly<Record<string, string>>;
  readonly comment?: string;
}

/** A table by where it lies. */
export interface OpenedTable extends QualifiedName {
  /** In the snapshot. */
  readonly key: string;
  /** Absolute. */
  readonly location: string;
  /** `file`: a file or folder of the warehouse, which is a table by being there. */
  readonly kind: TableEntry['kind'] | 'file';
  readonly format: StoredFormat;
}

export type FoundObject =
  | { readonly kind: 'table'; readonly table: OpenedTable }
  | Extract<NamedObject, { kind: 'view' }>;

export interface OpenedDeltaTable extends OpenedTable {
  readonly log: DeltaLog;
  /** What ANALYZE knows of the table. */
  readonly statistics: StatisticsFile;
  /** Rooted at the table. */
  readonly store: ObjectStore;
}

export interface CatalogSnapshot {
  /** Changes whenever a table, view or comment does; equal versions have equal ones. */
  readonly version: number;
  /** By qualified name (`main.users`). */
  readonly tables: ReadonlyMap<string, TableSnapshot>;
  /** Tables whose files cannot be read, by qualified name: the error a query of them gets. */
  readonly broken: ReadonlyMap<string, Error>;
  /** By qualified name. */
  readonly views: ReadonlyMap<string, ViewEntry>;
  /** `main` and the others. */
  readonly schemas: readonly string[];
  readonly comments: readonly CatalogComment[];
  /** Where each known table lies, by qualified name; broken ones too. */
  readonly origins: ReadonlyMap<string, OpenedTable>;
}

/** A remark on a schema, a table or view, or a column. */
export interface CatalogComment {
  readonly schema: string;
  readonly name: string | undefined;
  readonly column: string | undefined;
  readonly text: string;
}
