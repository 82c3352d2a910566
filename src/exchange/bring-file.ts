import { constants, copyFile, link, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  type AttemptId,
  type Checksum,
  ChecksumBuilder,
  type Clock,
  checksumFile,
  SkeinError,
  SqlState,
} from '../common/index.ts';
import { abortReason, type PartitionFile, type PartitionRef } from '../rpc/index.ts';
import {
  defaultFetchLimits,
  exchangePath,
  FetchFailure,
  type FetchLimits,
  FileFetcher,
} from './fetch-file.ts';
import { parquetRowCount, rowCountOfTail } from './parquet-row-count.ts';
import { scratchError } from './scratch-file.ts';

/** One file of a partition that a task reads. */
export interface WantedFile {
  readonly ref: PartitionRef;
  readonly file: PartitionFile;
  readonly producer: AttemptId;
}

/** A verified file. */
export interface BroughtFile {
  readonly path: string;
  /** Bytes that it takes in the reader's own folder; 0 when it lies elsewhere, or is a link. */
  readonly ownBytes: number;
}

/** A file that could not be had whole. */
export class LostFile extends Error {
  readonly sqlState: string;

  constructor(sqlState: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.sqlState = sqlState;
  }
}

export interface FileBringerOptions {
  /** Files below this folder are read where they lie. */
  readonly ownRoot: string;
  readonly hostId: string;
  readonly token: string | undefined;
  readonly clock: Clock;
  readonly limits?: Partial<FetchLimits>;
}

/** Makes one partition file readable in this process, from the nearest place that has it, and verifies it. */
export class FileBringer {
  readonly #options: FileBringerOptions;
  readonly #fetcher: FileFetcher;

  constructor(options: FileBringerOptions & { readonly connections: number }) {
    this.#options = options;
    this.#fetcher = new FileFetcher({
      token: options.token,
      clock: options.clock,
      limits: { ...defaultFetchLimits, ...options.limits },
      connections: options.connections,
    });
  }

  /**
   * @param target where to put the file unless it can be read where it lies; does not exist
   * @param unreachable holders that did not answer; added to
   * @throws LostFile; SkeinError when the fault is on this side; the signal's reason
   */
  async bring(
    wanted: WantedFile,
    target: string,
    unreachable: Set<string>,
    signal: AbortSignal,
  ): Promise<BroughtFile> {
    try {
      await mkdir(path.dirname(target), { recursive: true });
      if (wanted.file.inline.length > 0) return await writeInline(wanted.file, target);
      const brought =
        (await this.#fromThisHost(wanted, target, signal)) ??
        (await this.#fromNetwork(wanted, target, unreachable, signal));
      await verifyRows(brought.path, wanted.file);
      return brought;
    } catch (error) {
      await rm(target, { force: true });
      if (signal.aborted) throw abortReason(signal);
      throw toLoss(error, target);
    }
  }

  async close(): Promise<void> {
    await this.#fetcher.close();
  }

  /**
   * Reads the holder's file on this host's disk. A hard link keeps it while it is needed, and lies where this
   * process's DuckDB may read. Undefined when it is not there: host identities can be wrong.
   */
  async #fromThisHost(
    { ref, file }: WantedFile,
    target: string,
    signal: AbortSignal,
  ): Promise<BroughtFile | undefined> {
    const { hostId, ownRoot } = this.#options;
    if (ref.hostId !== hostId || !path.isAbsolute(file.path)) return undefined;
    const found = await stat(file.path).catch(() => undefined);
    if (found === undefined) return undefined;
    const inPlace = path.resolve(file.path).startsWith(ownRoot + path.sep);
    const ownBytes = inPlace ? 0 : await linkOrCopy(file.path, target);
    if (ownBytes === undefined) return undefined;
    const place = inPlace ? file.path : target;
    verify(await checksumFile(place, signal), file);
    return { path: place, ownBytes };
  }

  async #fromNetwork(
    { ref, file, producer }: WantedFile,
    target: string,
    unreachable: Set<string>,
    signal: AbortSignal,
  ): Promise<BroughtFile> {
    if (ref.url === '') throw new LostFile(SqlState.ioError, `${file.path} is gone`);
    if (unreachable.has(ref.url)) throw new LostFile(SqlState.ioError, `${ref.url} is unreachable`);
    const bytes = Number(file.bytes);
    const request = { url: ref.url, path: exchangePath(producer, file.name), bytes, target };
    try {
      // Bytes that the network changed come right the second time; those that the holder's disk changed do not.
      const first = await this.#fetcher.fetch(request, signal);
      if (!matches(first, file)) verify(await this.#fetcher.fetch(request, signal), file);
      return { path: target, ownBytes: bytes };
    } catch (error) {
      if (!(error instanceof FetchFailure)) throw error;
      if (error.kind === 'unreachable') unreachable.add(ref.url);
      throw new LostFile(SqlState.ioError, error.message, error);
    }
  }
}

/** Bytes that are as their producer described them and still no Parquet file are lost, too. */
function toLoss(error: unknown, target: string): Error {
  if (error instanceof LostFile) return error;
  if (error instanceof SkeinError && error.sqlState === SqlState.dataCorrupted) {
    return new LostFile(error.sqlState, error.message, error);
  }
  return scratchError(error, target);
}

async function writeInline(file: PartitionFile, target: string): Promise<BroughtFile> {
  const bytes = Buffer.from(file.inline.buffer, file.inline.byteOffset, file.inline.byteLength);
  const checksum = new ChecksumBuilder();
  checksum.add(bytes);
  verify(checksum.value, file);
  checkRows(rowCountOfTail(bytes, file.name), file);
  await writeFile(target, bytes, { mode: 0o600 });
  return { path: target, ownBytes: bytes.length };
}

/** @returns bytes taken, 0 for a link; undefined when the file may not be read or is gone by now */
async function linkOrCopy(from: string, to: string): Promise<number | undefined> {
  try {
    await link(from, to);
    return 0;
  } catch {
    // Another volume, another owner, or too many links: a copy will do.
  }
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    return (await stat(to)).size;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') throw error;
    return undefined;
  }
}

async function verifyRows(place: string, expected: PartitionFile): Promise<void> {
  checkRows(await parquetRowCount(place), expected);
}

function checkRows(rows: number, expected: PartitionFile): void {
  if (BigInt(rows) === expected.rows) return;
  throw corrupt(expected, `it holds ${rows} rows instead of ${expected.rows}`);
}

function matches(actual: Checksum, expected: PartitionFile): boolean {
  return BigInt(actual.bytes) === expected.bytes && actual.crc32 === expected.crc32;
}

function verify(actual: Checksum, expected: PartitionFile): void {
  if (matches(actual, expected)) return;
  throw corrupt(
    expected,
    BigInt(actual.bytes) === expected.bytes
      ? 'its checksum is wrong'
      : `it has ${actual.bytes} bytes instead of ${expected.bytes}`,
  );
}

function corrupt(file: PartitionFile, problem: string): LostFile {
  return new LostFile(SqlState.dataCorrupted, `${file.path} is corrupt: ${problem}`);
}
