import { stat } from 'node:fs/promises';
import { create } from '@bufbuild/protobuf';
import { mapToTheEnd, SkeinError, SqlState } from '../../common/index.ts';
import { parquetRowCount } from '../../exchange/index.ts';
import {
  type Column,
  type DeletionVector,
  type DeltaFile,
  type DeltaScan,
  type FileScan,
  malformed,
  type Split,
  SplitSchema,
} from '../../rpc/index.ts';
import {
  type CachedFile,
  type DeletionVectorDescriptor,
  eachRun,
  type FileColumn,
  fileLocation,
  type ObjectStores,
  type RowRuns,
  readDeletionVector,
  splitLocation,
  type WantedBytes,
} from '../../storage/index.ts';
import { parseType } from '../../types/index.ts';
import { noRemoteFiles, type RemoteFiles, withLocations } from '../remote-files.ts';
import { unreadableFile } from '../unreadable-file.ts';
import { splitsByPath, WantedRowGroups } from '../wanted-row-groups.ts';
import { deletionBits, keptRows } from './deletion-bits.ts';
import { changeTypePlace, type DeltaSource, rowNumber } from './delta-relation.ts';
import { VerifiedFiles } from './verified-files.ts';

const filesAtOnce = 16;
const copiesKept = 100_000;

/** The files of a scan, ready to be read. */
export interface OpenDeltaFiles extends AsyncDisposable {
  readonly sources: ReadonlyMap<string, DeltaSource>;
  /** Files of which every row is wanted are whole. */
  readonly splits: readonly Split[];
  /** To be run on the connection before the relation is read. */
  readonly statements: readonly string[];
  readonly rows: number;
  readonly bytes: number;
  /** Of remote files, by their paths on this machine. */
  readonly locations: ReadonlyMap<string, string>;
}

export interface DeltaFilesOptions {
  /** Where deletion vectors are read from. */
  readonly stores: Pick<ObjectStores, 'open'>;
  /** Undefined: files elsewhere cannot be read. */
  readonly remoteFiles?: RemoteFiles | undefined;
}

/** Makes the data files of Delta tables ready: checked against the log, brought near, deleted rows known. */
export class DeltaFiles {
  readonly #options: DeltaFilesOptions;
  readonly #verified = new VerifiedFiles();
  /** ETags of objects that hold the right bytes, but were not written by who wrote the table; by path and ETag of that. */
  readonly #copies = new Map<string, string>();

  constructor(options: DeltaFilesOptions) {
    this.#options = options;
  }

  /**
   * @param prefix of variables on the task's connection, for this scan only
   * @throws SkeinError 58P01 for a file that is not there, XX001 for one that is not as the log says, each naming it;
   * what RemoteFiles and object stores throw; the signal's reason
   */
  async open(
    scan: FileScan,
    columns: readonly Column[],
    prefix: string,
    signal: AbortSignal,
  ): Promise<OpenDeltaFiles> {
    const delta = scan.delta;
    if (delta === undefined) throw malformed('a Delta scan without what the log says');
    const remote: CachedFile[] = [];
    const release = async (): Promise<void> => {
      await Promise.all(remote.map((file) => file.release()));
    };
    const opened = new Map<string, OpenedFile>();
    try {
      const wanted = wantedBytes(delta);
      const stored = storedColumns(columns, delta, wanted.fieldIds !== undefined);
      const byPath = splitsByPath(scan.splits);
      await mapToTheEnd(delta.files, filesAtOnce, signal, async (file, until) => {
        const groups = new WantedRowGroups(scan, byPath.get(file.path) ?? [], stored);
        const localPath = await this.#localPath(file, { ...wanted, groups: groups.choose }, remote, until);
        const rows = file.rows === undefined ? await countRows(localPath) : Number(file.rows);
        const deleted = await this.#deletedRows(delta, file, rows, until);
        opened.set(file.path, { file, localPath, rows, deleted, splits: groups.splits });
      });
      return { ...describe(scan, delta, opened, prefix), [Symbol.asyncDispose]: release };
    } catch (error) {
      await release();
      throw error;
    }
  }

  async #localPath(
    file: DeltaFile,
    wanted: WantedBytes,
    remote: CachedFile[],
    signal: AbortSignal,
  ): Promise<string> {
    const path = fileLocation(file.path);
    if (!path.startsWith('/')) {
      const opened = await this.#openRemote(path, file, wanted, signal);
      remote.push(opened);
      const { size } = await stat(opened.localPath);
      if (BigInt(size) !== file.bytes) throw torn(file, size);
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

  /**
   * An object that is not the one that was written is a copy of it, where somebody has moved the table, or is damaged:
   * which of them only all of its bytes tell.
   */
  async #openRemote(
    path: string,
    { crc32, etag }: DeltaFile,
    wanted: WantedBytes,
    signal: AbortSignal,
  ): Promise<CachedFile> {
    const { remoteFiles = noRemoteFiles } = this.#options;
    const key = `${path}\0${etag}`;
    const known = this.#copies.get(key) ?? etag;
    try {
      const opened = await remoteFiles.open(path, known === '' ? wanted : { ...wanted, etag: known }, signal);
      if (crc32 !== undefined && opened.remote?.isWhole === true)
        await this.#verify(path, opened, crc32, signal);
      return opened;
    } catch (error) {
      const isOther = error instanceof SkeinError && error.retry === 'query';
      if (!isOther || known === '' || crc32 === undefined) throw error;
      const whole = await remoteFiles.open(path, {}, signal);
      await this.#verify(path, whole, crc32, signal);
      this.#remember(key, whole.remote?.etag ?? '');
      return whole;
    }
  }

  /** Gives the file back where it throws. */
  async #verify(path: string, file: CachedFile, crc32: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#verified.verify(file.localPath, await stat(file.localPath), crc32, signal);
    } catch (error) {
      await (signal.aborted ? file.release() : file.reject());
      throw error instanceof SkeinError ? withLocations(error, new Map([[file.localPath, path]])) : error;
    }
  }

  #remember(file: string, etag: string): void {
    const [oldest] = this.#copies.keys();
    if (this.#copies.size >= copiesKept && oldest !== undefined) this.#copies.delete(oldest);
    this.#copies.set(file, etag);
  }

  async #deletedRows(
    { location }: DeltaScan,
    { path, deletionVector }: DeltaFile,
    rows: number,
    signal: AbortSignal,
  ): Promise<ReturnType<typeof deletionBits> | undefined> {
    if (deletionVector === undefined) return undefined;
    const { stores } = this.#options;
    const runs = await readDeletionVector(
      stores.open(location),
      toDescriptor(deletionVector),
      signal,
      (other) => {
        const { root, key } = splitLocation(other);
        return { store: stores.open(root), key };
      },
    );
    const deleted = deletionBits(inside(runs, path, rows));
    return deleted.count === 0 ? undefined : deleted;
  }
}

/** What of a remote file the scan reads: columns that it looks for by id may have any name. */
function wantedBytes({ columns }: DeltaScan): WantedBytes {
  const fields = columns.flatMap(({ source }) => (source.case === 'data' ? [source.value] : []));
  const ids = fields.flatMap(({ fieldId }) => fieldId ?? []);
  if (ids.length === fields.length && ids.length > 0) return { fieldIds: ids };
  const changes = columns.some((column) => changeTypePlace(column) !== undefined) ? ['_change_type'] : [];
  return { columns: [...fields.map(({ name }) => name), ...changes] };
}

function toDescriptor(vector: DeletionVector): DeletionVectorDescriptor {
  const { storageType, pathOrInlineDv, offset, sizeInBytes, cardinality } = vector;
  if (storageType !== 'u' && storageType !== 'i' && storageType !== 'p') {
    throw malformed(`a deletion vector of storage type ${storageType}`);
  }
  return {
    storageType,
    pathOrInlineDv,
    ...(offset === undefined ? {} : { offset }),
    sizeInBytes,
    cardinality: Number(cardinality),
  };
}

interface OpenedFile {
  readonly file: DeltaFile;
  readonly localPath: string;
  /** Deleted ones too. */
  readonly rows: number;
  readonly deleted: ReturnType<typeof deletionBits> | undefined;
  /** What is read of it. */
  readonly splits: readonly Split[];
}

function describe(
  scan: FileScan,
  delta: DeltaScan,
  opened: ReadonlyMap<string, OpenedFile>,
  prefix: string,
): Omit<OpenDeltaFiles, keyof AsyncDisposable> {
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
  const paths = [...new Set(scan.splits.map((split) => split.path))];
  const narrowed = paths.flatMap((path) => opened.get(path)?.splits ?? undescribed(path));
  const splits = narrowed.map((split) => {
    const found = opened.get(split.path) ?? undescribed(split.path);
    const wanted = split.rowCount === undefined ? found.rows : Number(split.rowCount);
    const share = found.rows === 0 ? 1 : wanted / found.rows;
    // Of a piece of a file nobody knows how many of its rows are deleted before it is read.
    rows += wanted - Math.round((found.deleted?.count ?? 0) * share);
    bytes += Math.round(Number(found.file.bytes) * share);
    const whole = (split.firstRow ?? 0n) === 0n && wanted === found.rows;
    return whole ? create(SplitSchema, { path: split.path }) : split;
  });
  const locations = new Map(
    [...opened.values()].flatMap(({ file, localPath }): [string, string][] => {
      const location = fileLocation(file.path);
      return location === localPath ? [] : [[localPath, location]];
    }),
  );
  return { sources, splits, statements, rows, bytes, locations };
}

function undescribed(path: string): never {
  throw malformed(`a split of a file that the scan does not describe: ${path}`);
}

/** What the files have of the scan's columns. */
function storedColumns(columns: readonly Column[], delta: DeltaScan, byId: boolean): readonly FileColumn[] {
  return columns.map(({ type }, index) => {
    const source = delta.columns[index]?.source;
    const field = source?.case === 'data' ? source.value : undefined;
    const stored = field && { name: field.name, fieldId: byId ? field.fieldId : undefined };
    return { type: parseType(type), stored };
  });
}

/** A vector of another file would go unnoticed otherwise. */
function inside(runs: RowRuns, path: string, rows: number): Iterable<readonly [number, number]> {
  const end = runs.bounds.at(-1) ?? 0;
  if (end <= rows) return eachRun(runs);
  const message = `the deletion vector of ${path} deletes row ${end - 1}, and the file has ${rows} rows`;
  throw new SkeinError(SqlState.dataCorrupted, message, { details: { path } });
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
