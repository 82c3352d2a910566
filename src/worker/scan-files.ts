import { stat } from 'node:fs/promises';
import { create } from '@bufbuild/protobuf';
import { mapConcurrently, mapToTheEnd, SkeinError, SqlState } from '../common/index.ts';
import { parquetRowCount } from '../exchange/index.ts';
import { type Column, type FileScan, type Split, SplitSchema } from '../rpc/index.ts';
import type { CachedFile } from '../storage/index.ts';
import { parseType } from '../types/index.ts';
import { noRemoteFiles, type RemoteFiles } from './remote-files.ts';
import { unreadableFile } from './unreadable-file.ts';
import { splitsByPath, WantedRowGroups } from './wanted-row-groups.ts';

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
  /** What is read of it. */
  readonly splits: readonly Split[];
}

interface Opening {
  readonly scan: FileScan;
  readonly columns: readonly Column[];
  readonly remote: CachedFile[];
  readonly signal: AbortSignal;
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
    const remote: CachedFile[] = [];
    const release = async (): Promise<void> => {
      await Promise.all(remote.map((file) => file.release()));
    };
    try {
      const files = await mapToTheEnd(
        [...splitsByPath(scan.splits)],
        filesAtOnce,
        signal,
        async ([path, splits], until) => {
          const file = path.startsWith('/')
            ? await this.#local(path, scan)
            : await this.#remote(path, splits, { scan, columns, remote, signal: until });
          return [path, { splits, ...file }] as const;
        },
      );
      return { ...describe(new Map(files)), [Symbol.asyncDispose]: release };
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

  async #local(path: string, scan: FileScan): Promise<Omit<OpenFile, 'splits'>> {
    const { bytes, modifiedMs } = await this.#unchanged(path, scan);
    const rows =
      scan.format === 'parquet' ? await this.#rows(path, path, `${bytes}\0${modifiedMs}`) : undefined;
    return { localPath: path, rows, bytes };
  }

  async #remote(
    path: string,
    splits: readonly Split[],
    { scan, columns, remote, signal }: Opening,
  ): Promise<OpenFile> {
    const { etag = '', bytes = 0n } = scan.versions[path] ?? {};
    const version = etag === '' ? {} : { etag };
    if (scan.format !== 'parquet') {
      const opened = await this.#remoteFiles.open(path, version, signal);
      remote.push(opened);
      return { localPath: opened.localPath, rows: undefined, bytes: Number(bytes), splits };
    }
    const hive = new Set(scan.hiveColumns.map(({ name }) => name));
    const stored = columns.map(({ name, type }) => ({
      type: parseType(type),
      stored: hive.has(name) ? undefined : { name, fieldId: undefined },
    }));
    const groups = new WantedRowGroups(scan, splits, stored);
    const names = stored.flatMap((column) => column.stored?.name ?? []);
    const wanted = { columns: names, groups: groups.choose, ...version };
    const opened = await this.#remoteFiles.open(path, wanted, signal);
    remote.push(opened);
    const { localPath } = opened;
    const rows = await this.#rows(localPath, path, etag);
    return { localPath, rows, bytes: Number(bytes), splits: groups.splits };
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

function describe(files: ReadonlyMap<string, OpenFile>): Omit<OpenScan, keyof AsyncDisposable> {
  let rows: number | undefined = 0;
  let bytes = 0;
  const splits: Split[] = [];
  const locations = new Map<string, string>();
  for (const [path, file] of files) {
    if (path !== file.localPath) locations.set(file.localPath, path);
    for (const split of file.splits) {
      const splitRows = split.rowCount === undefined ? file.rows : Number(split.rowCount);
      rows = rows === undefined || splitRows === undefined ? undefined : rows + splitRows;
      const share = splitRows === undefined || !file.rows ? 1 : splitRows / file.rows;
      bytes += Math.round(file.bytes * share);
      const whole = { path: file.localPath };
      splits.push(create(SplitSchema, isWhole(split, file.rows) ? whole : { ...split, ...whole }));
    }
  }
  return { rows, bytes, splits, locations };
}

function isWhole({ firstRow = 0n, rowCount }: Split, rows: number | undefined): boolean {
  return rows !== undefined && firstRow === 0n && rowCount === BigInt(rows);
}
