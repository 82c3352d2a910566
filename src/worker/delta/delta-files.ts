import { stat } from 'node:fs/promises';
import { create } from '@bufbuild/protobuf';
import { mapConcurrently, SkeinError, SqlState } from '../../common/index.ts';
import { parquetRowCount } from '../../exchange/index.ts';
import {
  type DeletionVector,
  type DeltaFile,
  type DeltaScan,
  type FileScan,
  malformed,
  type Split,
  SplitSchema,
} from '../../rpc/index.ts';
import { unreadableFile } from '../unreadable-file.ts';
import { deletionBits, keptRows } from './deletion-bits.ts';
import { type DeltaSource, rowNumber } from './delta-relation.ts';
import { VerifiedFiles } from './verified-files.ts';

const filesAtOnce = 16;

/** Reads deletion vectors, wherever they lie. */
export interface DeletionVectors {
  /**
   * Runs of deleted rows: the first one and the one after the last, from 0.
   * @param location root of the table
   * @throws SkeinError XX001 naming a vector that is damaged, 58P01 one that is not there
   */
  read(
    location: string,
    vector: DeletionVector,
    signal: AbortSignal,
  ): Promise<Iterable<readonly [number, number]>>;
}

/** Brings files that do not lie on this machine. */
export interface RemoteFiles {
  /**
   * @param path `s3://bucket/key`
   * @param columns stored names of those that will be read, by whose parts the file may be brought
   * @param bytes the file's size
   * @throws SkeinError 58P01 where it is not there, XX001 where its size is another
   */
  open(path: string, columns: readonly string[], bytes: number, signal: AbortSignal): Promise<RemoteFile>;
}

export interface RemoteFile {
  /** A file that gives what the remote one would, for the columns asked for. */
  readonly localPath: string;
  /** Lets the file go. Idempotent. */
  release(): void;
}

/** The files of a scan, ready to be read. */
export interface OpenDeltaFiles extends Disposable {
  readonly sources: ReadonlyMap<string, DeltaSource>;
  /** Files of which every row is wanted are whole. */
  readonly splits: readonly Split[];
  /** To be run on the connection before the relation is read. */
  readonly statements: readonly string[];
  readonly rows: number;
  readonly bytes: number;
}

export interface DeltaFilesOptions {
  readonly deletionVectors?: DeletionVectors | undefined;
  readonly remoteFiles?: RemoteFiles | undefined;
}

/** Makes the data files of Delta tables ready: checked against the log, brought near, deleted rows known. */
export class DeltaFiles {
  readonly #options: DeltaFilesOptions;
  readonly #verified = new VerifiedFiles();

  constructor(options: DeltaFilesOptions) {
    this.#options = options;
  }

  /**
   * @param prefix of variables on the task's connection, for this scan only
   * @throws SkeinError 58P01 for a file that is not there, XX001 for one that is not as the log says, each naming it;
   * what RemoteFiles and DeletionVectors throw; the signal's reason
   */
  async open(scan: FileScan, prefix: string, signal: AbortSignal): Promise<OpenDeltaFiles> {
    const delta = scan.delta;
    if (delta === undefined) throw malformed('a Delta scan without what the log says');
    const remote: RemoteFile[] = [];
    const release = (): void => {
      for (const file of remote) file.release();
    };
    const opened = new Map<string, OpenedFile>();
    try {
      const columns = delta.columns.flatMap(({ source }) =>
        source.case === 'data' ? [source.value.name] : [],
      );
      await mapConcurrently(delta.files, filesAtOnce, async (file) => {
        const localPath = await this.#localPath(file, columns, remote, signal);
        const rows = file.rows === undefined ? await countRows(localPath) : Number(file.rows);
        const deleted = await this.#deletedRows(delta, file, rows, signal);
        opened.set(file.path, { file, localPath, rows, deleted });
      });
    } catch (error) {
      release();
      throw error;
    }
    return { ...describe(scan, delta, opened, prefix), [Symbol.dispose]: release };
  }

  async #localPath(
    file: DeltaFile,
    columns: readonly string[],
    remote: RemoteFile[],
    signal: AbortSignal,
  ): Promise<string> {
    const { path } = file;
    if (!path.startsWith('/')) {
      const { remoteFiles } = this.#options;
      if (remoteFiles === undefined) throw notReachable(path);
      const opened = await remoteFiles.open(path, columns, Number(file.bytes), signal);
      remote.push(opened);
      return opened.localPath;
    }
    try {
      const found = await stat(path);
      if (BigInt(found.size) !== file.bytes) throw torn(file, found.size);
      if (file.crc32 !== undefined) await this.#verified.verify(path, found, file.crc32, signal);
    } catch (error) {
      throw error instanceof SkeinError ? error : unreadableFile(path, error as NodeJS.ErrnoException);
    }
    return path;
  }

  async #deletedRows(
    { location }: DeltaScan,
    { path, deletionVector }: DeltaFile,
    rows: number,
    signal: AbortSignal,
  ): Promise<ReturnType<typeof deletionBits> | undefined> {
    if (deletionVector === undefined) return undefined;
    const { deletionVectors } = this.#options;
    if (deletionVectors === undefined) throw malformed('a worker that cannot read deletion vectors');
    const deleted = deletionBits(
      inside(await deletionVectors.read(location, deletionVector, signal), path, rows),
    );
    return deleted.count === 0 ? undefined : deleted;
  }
}

interface OpenedFile {
  readonly file: DeltaFile;
  readonly localPath: string;
  /** Deleted ones too. */
  readonly rows: number;
  readonly deleted: ReturnType<typeof deletionBits> | undefined;
}

function describe(
  scan: FileScan,
  delta: DeltaScan,
  opened: ReadonlyMap<string, OpenedFile>,
  prefix: string,
): Omit<OpenDeltaFiles, keyof Disposable> {
  const statements: string[] = [];
  const sources = new Map<string, DeltaSource>();
  delta.files.forEach(({ path }, index) => {
    const found = opened.get(path);
    if (found === undefined) return;
    const { file, localPath, deleted } = found;
    const kept = deleted === undefined ? undefined : keptRows(deleted, `${prefix}_${index}`, rowNumber);
    statements.push(...(kept?.statements ?? []));
    sources.set(path, { file, localPath, kept: kept?.predicate });
  });
  let rows = 0;
  let bytes = 0;
  const splits = scan.splits.map((split) => {
    const found = opened.get(split.path);
    if (found === undefined)
      throw malformed(`a split of a file that the scan does not describe: ${split.path}`);
    const wanted = split.rowCount === undefined ? found.rows : Number(split.rowCount);
    const share = found.rows === 0 ? 1 : wanted / found.rows;
    // Of a piece of a file nobody knows how many of its rows are deleted before it is read.
    rows += wanted - Math.round((found.deleted?.count ?? 0) * share);
    bytes += Math.round(Number(found.file.bytes) * share);
    const whole = (split.firstRow ?? 0n) === 0n && wanted === found.rows;
    return whole ? create(SplitSchema, { path: split.path }) : split;
  });
  return { sources, splits, statements, rows, bytes };
}

/** A vector of another file would go unnoticed otherwise. */
function* inside(
  runs: Iterable<readonly [number, number]>,
  path: string,
  rows: number,
): Generator<readonly [number, number]> {
  for (const run of runs) {
    if (run[1] > rows) {
      const message = `the deletion vector of ${path} deletes row ${run[1] - 1}, and the file has ${rows} rows`;
      throw new SkeinError(SqlState.dataCorrupted, message, { details: { path } });
    }
    yield run;
  }
}

async function countRows(path: string): Promise<number> {
  return parquetRowCount(path).catch((error: unknown) => {
    throw error instanceof SkeinError ? error : unreadableFile(path, error as NodeJS.ErrnoException);
  });
}

function torn({ path, bytes }: DeltaFile, found: number): SkeinError {
  const message = `the file is damaged: ${path} has ${found} bytes, and the table's log says ${bytes}`;
  return new SkeinError(SqlState.dataCorrupted, message, { details: { path } });
}

function notReachable(path: string): SkeinError {
  return new SkeinError(SqlState.ioError, `this worker cannot reach remote files: ${path}`, {
    retry: 'task',
    details: { path },
  });
}
