import { assert, SkeinError, SqlState, toSkeinError } from '../common/index.ts';
import type { FileFormat, TableFile, TableSnapshot } from '../storage/index.ts';
import type { ColumnStatistics, Schema } from '../types/index.ts';
import type { FileKind, ListedTable } from './list-tables.ts';

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

/**
 * Opens a table's files and reads their schema.
 * @param options of the reader as SQL literals, where the table has some of its own
 */
export type InspectFiles = (
  kind: FileKind,
  files: readonly { readonly path: string; readonly bytes: number; readonly etag: string }[],
  partitionKeys: readonly string[],
  signal: AbortSignal,
  options?: Readonly<Record<string, string>>,
) => Promise<FileInspection>;

interface Entry {
  /** Paths, sizes and times: equal fingerprints need no second look. */
  readonly fingerprint: string;
  readonly table: Promise<TableSnapshot | SkeinError>;
}

/** Tables that are files, as they were when they were last looked into. */
export class FileTables {
  readonly #inspect: InspectFiles;
  readonly #entries = new Map<string, Entry>();
  readonly #known = new Map<string, TableSnapshot | SkeinError>();

  constructor(inspect: InspectFiles) {
    this.#inspect = inspect;
  }

  /** As of the last look into it, if there was one. */
  known(key: string): TableSnapshot | SkeinError | undefined {
    return this.#known.get(key);
  }

  /** The table, or why it cannot be read: looks into files that changed, and again into those that could not be read. */
  async load(
    key: string,
    listed: ListedTable,
    options: Readonly<Record<string, string>>,
  ): Promise<TableSnapshot | SkeinError> {
    const files = listed.files.map(({ path, bytes, etag }) => `${path}\0${bytes}\0${etag}`);
    const fingerprint = [JSON.stringify(options), ...files].join('\n');
    let entry = this.#entries.get(key);
    if (entry?.fingerprint !== fingerprint) {
      // Not a query's signal: what is learned here serves every query after it.
      const { signal } = new AbortController();
      const what = `table "${key.replace(/^main\./, '')}"`;
      const table = openListed(this.#inspect, key, what, listed, options, signal).catch(toSkeinError);
      entry = { fingerprint, table };
      this.#entries.set(key, entry);
    }
    const table = await entry.table;
    if (this.#entries.get(key) === entry) {
      this.#known.set(key, table);
      if (table instanceof SkeinError) this.#entries.delete(key);
    }
    return table;
  }

  /** Forgets tables that are gone. */
  retain(keys: ReadonlySet<string>): void {
    for (const key of [...this.#known.keys(), ...this.#entries.keys()]) {
      if (keys.has(key)) continue;
      this.#known.delete(key);
      this.#entries.delete(key);
    }
  }
}

/** Looks into files. @param what as errors name them @throws SkeinError naming the file at fault */
export async function openListed(
  inspect: InspectFiles,
  key: string,
  what: string,
  { kind, files, partitionKeys }: ListedTable,
  options: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<TableSnapshot> {
  try {
    const found = await inspect(kind, files, partitionKeys, signal, options);
    return {
      name: key,
      schema: found.schema,
      format: found.format,
      files: files.map(
        ({ path, bytes, modifiedMs, etag }): TableFile => ({
          path,
          bytes,
          modifiedMs,
          etag: path.startsWith('/') ? undefined : etag,
          rowGroups: found.rowGroups.get(path),
        }),
      ),
      rowCount: found.rowCount,
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
      statistics: found.statistics,
    };
  } catch (error) {
    throw signal.aborted ? error : unreadable(what, files, toSkeinError(error));
  }
}

/** The error of files that cannot be opened, naming the file where the cause does not. */
function unreadable(what: string, files: ListedTable['files'], cause: SkeinError): SkeinError {
  const [first] = files;
  assert(first !== undefined, 'a listed table has files');
  const named = files.some((file) => cause.message.includes(file.path));
  const where = named
    ? ''
    : ` (${files.length === 1 ? first.path : `among ${files.length} files of ${first.path}`})`;
  const sqlState = cause.sqlState === SqlState.internalError ? SqlState.dataCorrupted : cause.sqlState;
  const { retry, hint, details } = cause;
  return new SkeinError(sqlState, `${what} cannot be read${where}: ${cause.message}`, {
    retry,
    ...(hint === undefined ? {} : { hint }),
    details,
    cause,
  });
}
