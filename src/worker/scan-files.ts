import { stat } from 'node:fs/promises';
import { create } from '@bufbuild/protobuf';
import { mapConcurrently, SkeinError, SqlState } from '../common/index.ts';
import { parquetRowCount } from '../exchange/index.ts';
import { type Column, type FileScan, type Split, SplitSchema } from '../rpc/index.ts';
import type { CachedFile, WantedBytes } from '../storage/index.ts';
import { noRemoteFiles, type RemoteFiles } from './remote-files.ts';
import { unreadableFile } from './unreadable-file.ts';

/** File systems and JSON round times differently; a rewrite moves them further. */
const timeToleranceMs = 1;
const rowCountsKept = 10_000;
const filesAtOnce = 16;

/** What a task reads, as it is on disk. */
export interface OpenScan extends ScanSize, AsyncDisposable {
  /**
   * As asked for, but by paths on this machine, and files of which every row is wanted are whole: many whole files need
   * only one reader.
   */
  readonly splits: Split[];
  /** Of remote files, by their paths on this machine. */
  readonly locations: ReadonlyMap<string, string>;
}

export interface ScanSize {
  /** Undefined where only reading the files could tell (CSV, JSON). */
  readonly rows: number | undefined;
  readonly bytes: number;
}

interface OpenFile {
  readonly localPath: string;
  readonly rows: number | undefined;
  readonly bytes: number;
}

/** The plain files that a task reads: are they the ones the query was planned for, and how much is it? */
export class ScanFiles {
  readonly #remoteFiles: RemoteFiles;
  /** Rows of Parquet files by path and version. */
  readonly #rowCounts = new Map<string, number>();

  constructor(remoteFiles: RemoteFiles = noRemoteFiles) {
    this.#remoteFiles = remoteFiles;
  }

  /**
   * @param columns that the task reads: all that is fetched of a remote Parquet file
   * @throws SkeinError 58P01 when a file is missing, 58030 when one changed (retry `query`) or cannot be reached,
   * XX001 when it is not a whole Parquet file; each names the path
   */
  async open(scan: FileScan, columns: readonly Column[], signal: AbortSignal): Promise<OpenScan> {
    const paths = [...new Set(scan.splits.map((split) => split.path))];
    const files = new Map<string, OpenFile>();
    const remote: CachedFile[] = [];
    const release = async (): Promise<void> => {
      await Promise.all(remote.map((file) => file.release()));
    };
    try {
      await mapConcurrently(paths, filesAtOnce, async (path) => {
        const file = path.startsWith('/')
          ? await this.#local(path, scan)
          : await this.#remote(path, scan, columns, remote, signal);
        files.set(path, file);
      });
      return { ...describe(scan, files), [Symbol.asyncDispose]: release };
    } catch (error) {
      await release();
      throw error;
    }
  }

  /** Asks once more, after the files were read. Of a remote file the bytes of one version were. */
  async recheck(scan: FileScan): Promise<void> {
    // A file of a Delta table never changes.
    if (scan.format === 'delta') return;
    const paths = new Set(scan.splits.map((split) => split.path).filter((path) => path.startsWith('/')));
    await mapConcurrently([...paths], filesAtOnce, (path) => this.#unchanged(path, scan));
  }

  async #local(path: string, scan: FileScan): Promise<OpenFile> {
    const { bytes, modifiedMs } = await this.#unchanged(path, scan);
    const rows =
      scan.format === 'parquet' ? await this.#rows(path, path, `${bytes}\0${modifiedMs}`) : undefined;
    return { localPath: path, rows, bytes };
  }

  async #remote(
    path: string,
    scan: FileScan,
    columns: readonly Column[],
    remote: CachedFile[],
    signal: AbortSignal,
  ): Promise<OpenFile> {
    const { etag = '', bytes = 0n } = scan.versions[path] ?? {};
    const wanted: WantedBytes = { ...wantedColumns(scan, columns), ...(etag === '' ? {} : { etag }) };
    const opened = await this.#remoteFiles.open(path, wanted, signal);
    remote.push(opened);
    const { localPath } = opened;
    const rows = scan.format === 'parquet' ? await this.#rows(localPath, path, etag) : undefined;
    return { localPath, rows, bytes: Number(bytes) };
  }

  async #unchanged(path: string, scan: FileScan): Promise<{ bytes: number; modifiedMs: number }> {
    const found = await stat(path).catch((error: unknown) => {
      throw unreadableFile(path, error as NodeJS.ErrnoException);
    });
    const planned = scan.versions[path];
    const changed =
      planned !== undefined &&
      (BigInt(found.size) !== planned.bytes ||
        Math.abs(found.mtimeMs - planned.modifiedMs) > timeToleranceMs);
    if (changed) {
      throw new SkeinError(SqlState.ioError, `the file changed while the query ran: ${path}`, {
        retry: 'query',
        details: { path },
      });
    }
    return { bytes: found.size, modifiedMs: found.mtimeMs };
  }

  async #rows(localPath: string, path: string, version: string): Promise<number> {
    const key = `${path}\0${version}`;
    const known = this.#rowCounts.get(key);
    if (known !== undefined) return known;
    const rows = await parquetRowCount(localPath).catch((error: unknown) => {
      throw error instanceof SkeinError ? error : unreadableFile(path, error as NodeJS.ErrnoException);
    });
    const [oldest] = this.#rowCounts.keys();
    if (this.#rowCounts.size >= rowCountsKept && oldest !== undefined) this.#rowCounts.delete(oldest);
    this.#rowCounts.set(key, rows);
    return rows;
  }
}

/** Text has no columns before it is read. */
function wantedColumns({ format, hiveColumns }: FileScan, columns: readonly Column[]): WantedBytes {
  if (format !== 'parquet') return {};
  const hive = new Set(hiveColumns.map(({ name }) => name));
  return { columns: columns.map(({ name }) => name).filter((name) => !hive.has(name)) };
}

function describe(
  { splits }: FileScan,
  files: ReadonlyMap<string, OpenFile>,
): Omit<OpenScan, keyof AsyncDisposable> {
  let rows: number | undefined = 0;
  let bytes = 0;
  const here: Split[] = [];
  const locations = new Map<string, string>();
  for (const split of splits) {
    const file = files.get(split.path);
    if (file === undefined) continue;
    const splitRows = split.rowCount === undefined ? file.rows : Number(split.rowCount);
    rows = rows === undefined || splitRows === undefined ? undefined : rows + splitRows;
    const share = splitRows === undefined || !file.rows ? 1 : splitRows / file.rows;
    bytes += Math.round(file.bytes * share);
    const path = file.localPath;
    here.push(create(SplitSchema, isWhole(split, file.rows) ? { path } : { ...split, path }));
    if (path !== split.path) locations.set(path, split.path);
  }
  return { rows, bytes, splits: here, locations };
}

function isWhole({ firstRow = 0n, rowCount }: Split, rows: number | undefined): boolean {
  return rows !== undefined && firstRow === 0n && rowCount === BigInt(rows);
}
