import { assert, type Clock, SkeinError, SqlState, toSkeinError } from '../common/index.ts';
import type { FileFormat, TableFile, TableSnapshot } from '../storage/index.ts';
import type { ColumnStatistics, Schema } from '../types/index.ts';
import type { Catalog, CatalogSnapshot } from './catalog.ts';
import { type FileKind, type ListedTable, type Listing, listTables } from './list-tables.node.ts';

/** What only opening the files can tell. */
export interface FileInspection {
  readonly schema: Schema;
  readonly format: FileFormat;
  /** Exact for Parquet, estimated for text. */
  readonly rowCount: number;
  /** Rows of each row group by path; a path that is absent cannot be cut. */
  readonly rowGroups: ReadonlyMap<string, readonly number[]>;
  /** One a column of the schema, where the files have any. */
  readonly statistics: readonly (ColumnStatistics | undefined)[] | undefined;
}

/** Opens a table's files and reads their schema. */
export type InspectFiles = (
  kind: FileKind,
  files: readonly { readonly path: string; readonly bytes: number }[],
  partitionKeys: readonly string[],
  signal: AbortSignal,
) => Promise<FileInspection>;

export interface FileCatalogOptions {
  /** Absolute path of the data folder. */
  readonly dir: string;
  readonly inspect: InspectFiles;
  readonly clock: Clock;
}

interface Entry {
  /** Paths, sizes and times: equal fingerprints need no second look. */
  readonly fingerprint: string;
  readonly table: TableSnapshot | SkeinError;
}

/** Looking again costs at most this share of the time: a folder that lists in 1 ms is listed at most every 10 ms. */
const refreshCostRatio = 10;

/** Tables that are the files of one folder, as they are when a query starts. */
export class FileCatalog implements Catalog {
  readonly roots: readonly string[];
  readonly #options: FileCatalogOptions;
  #entries: ReadonlyMap<string, Entry> = new Map();
  #current: CatalogSnapshot | undefined;
  #nextLook = 0;
  #looking: Promise<CatalogSnapshot> | undefined;

  constructor(options: FileCatalogOptions) {
    this.#options = options;
    this.roots = [options.dir];
  }

  async snapshot(
    signal: AbortSignal,
    { fresh = false }: { readonly fresh?: boolean } = {},
  ): Promise<CatalogSnapshot> {
    signal.throwIfAborted();
    if (fresh) {
      // A look that is under way may have passed the place already.
      await this.#looking?.catch(() => undefined);
      this.#nextLook = 0;
    }
    if (this.#current !== undefined && this.#options.clock.monotonic() < this.#nextLook) return this.#current;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return await this.#looking;
  }

  async #look(): Promise<CatalogSnapshot> {
    const started = this.#options.clock.monotonic();
    const listing = await listTables(this.#options.dir);
    const listedMs = this.#options.clock.monotonic() - started;
    const entries = new Map<string, Entry>();
    for (const table of listing.tables) entries.set(table.name, await this.#entry(table));
    this.#current = this.#next(entries, listing);
    this.#entries = entries;
    this.#nextLook = this.#options.clock.monotonic() + listedMs * refreshCostRatio;
    return this.#current;
  }

  async #entry(listed: ListedTable): Promise<Entry> {
    const fingerprint = listed.files
      .map((file) => `${file.path}\0${file.bytes}\0${file.modifiedMs}`)
      .join('\n');
    const known = this.#entries.get(listed.name);
    if (known?.fingerprint === fingerprint && !(known.table instanceof SkeinError)) return known;
    return { fingerprint, table: await this.#inspect(listed) };
  }

  async #inspect(listed: ListedTable): Promise<TableSnapshot | SkeinError> {
    try {
      // Not the query's signal: what is learned here serves every query after it.
      const signal = new AbortController().signal;
      const found = await this.#options.inspect(listed.kind, listed.files, listed.partitionKeys, signal);
      return {
        name: `main.${listed.name}`,
        schema: found.schema,
        format: found.format,
        files: listed.files.map(
          (file): TableFile => ({ ...file, rowGroups: found.rowGroups.get(file.path) }),
        ),
        rowCount: found.rowCount,
        bytes: listed.files.reduce((sum, file) => sum + file.bytes, 0),
        statistics: found.statistics,
      };
    } catch (error) {
      return unreadable(listed, toSkeinError(error));
    }
  }

  #next(entries: ReadonlyMap<string, Entry>, listing: Listing): CatalogSnapshot {
    const tables = new Map<string, TableSnapshot>();
    const broken = new Map<string, Error>();
    for (const [name, error] of listing.broken) broken.set(`main.${name}`, error);
    for (const [name, entry] of entries) {
      if (entry.table instanceof SkeinError) broken.set(`main.${name}`, entry.table);
      else tables.set(entry.table.name, entry.table);
    }
    const current = this.#current;
    if (current !== undefined && sameTables(current, tables, broken)) return current;
    return { version: (current?.version ?? 0) + 1, tables, broken };
  }
}

function sameTables(
  current: CatalogSnapshot,
  tables: ReadonlyMap<string, TableSnapshot>,
  broken: ReadonlyMap<string, Error>,
): boolean {
  return (
    current.tables.size === tables.size &&
    current.broken.size === broken.size &&
    [...tables].every(([name, table]) => current.tables.get(name) === table) &&
    [...broken].every(([name, error]) => current.broken.get(name)?.message === error.message)
  );
}

/** The error of a table whose files cannot be opened, naming the file where the cause does not. */
function unreadable(listed: ListedTable, cause: SkeinError): SkeinError {
  const [first] = listed.files;
  assert(first !== undefined, 'a listed table has files');
  const named = listed.files.some((file) => cause.message.includes(file.path));
  const where = named
    ? ''
    : ` (${listed.files.length === 1 ? first.path : `among ${listed.files.length} files of ${first.path}`})`;
  const sqlState = cause.sqlState === SqlState.internalError ? SqlState.dataCorrupted : cause.sqlState;
  return new SkeinError(sqlState, `table "${listed.name}" cannot be read${where}: ${cause.message}`, {
    cause,
  });
}
