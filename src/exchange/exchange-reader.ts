import { rm } from 'node:fs/promises';
import path from 'node:path';
import { formatAttempt, queryId, Semaphore, SqlState, stageId } from '../common/index.ts';
import {
  abortReason,
  LostInputError,
  malformed,
  type PartitionFile,
  type PartitionRef,
} from '../rpc/index.ts';
import {
  type BroughtFile,
  FileBringer,
  type FileBringerOptions,
  LostFile,
  type WantedFile,
} from './bring-file.ts';
import { isSafeId, isSafeName } from './scratch-file.ts';

export interface ExchangeReaderOptions extends FileBringerOptions {
  /** Folder of its own for fetched files; exists. */
  readonly dir: string;
  /** Fetched files that no task uses are kept up to this many bytes. */
  readonly cacheBytes: number;
  /** Files fetched at once from one holder, and verified at once on this host. */
  readonly concurrency?: number;
  readonly faults?: ExchangeFaults;
}

/** For tests: makes exchanges fail. */
export interface ExchangeFaults {
  /** Called before a file is read for the first time. What it throws makes the partition unreadable. */
  beforeRead?(ref: PartitionRef, file: PartitionFile): Promise<void>;
}

/** Verified files, held until disposed of. */
export interface OpenPartitions extends Disposable {
  /** In the order of the partitions, and of the files within each. */
  readonly paths: readonly string[];
  readonly rows: number;
  readonly bytes: number;
}

export interface CacheStats {
  /** Fetched files on disk. */
  readonly bytes: number;
  /** Files that were verified already when a task asked for them. */
  readonly hits: number;
  readonly misses: number;
}

interface Entry {
  readonly key: string;
  /** Settles when the file is verified. */
  readonly ready: Promise<BroughtFile>;
  brought: BroughtFile | undefined;
  users: number;
}

const defaultConcurrency = 4;

/**
 * Gives tasks the partitions they read, as files that DuckDB can open. Every byte has been checked against the
 * producer's size, checksum and row count before; a file is checked once and then kept for the query's other tasks.
 */
export class ExchangeReader {
  readonly #options: ExchangeReaderOptions;
  readonly #bringer: FileBringer;
  /** By holder, so that one that does not answer holds up nobody else's files. */
  readonly #slots = new Map<string, Semaphore>();
  readonly #concurrency: number;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  #serial = 0;
  #bytes = 0;
  #hits = 0;
  #misses = 0;

  constructor(options: ExchangeReaderOptions) {
    this.#options = options;
    this.#concurrency = options.concurrency ?? defaultConcurrency;
    this.#bringer = new FileBringer({ ...options, connections: this.#concurrency });
  }

  get cacheStats(): CacheStats {
    return { bytes: this.#bytes, hits: this.#hits, misses: this.#misses };
  }

  /**
   * Makes every file of the partitions readable here.
   * @throws LostInputError naming every partition that cannot be had; SkeinError 53100 when the disk is full; the
   * signal's reason
   */
  async open(refs: readonly PartitionRef[], signal: AbortSignal): Promise<OpenPartitions> {
    checkRows(refs);
    const wanted = refs.flatMap((ref) => ref.files.map((file) => toWanted(ref, file)));
    const unreachable = new Set<string>();
    const acquired = await Promise.allSettled(wanted.map((each) => this.#acquire(each, unreachable, signal)));
    const entries = acquired.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const release = (): void => {
      for (const entry of entries.splice(0)) this.#release(entry);
    };
    try {
      throwFirst(wanted, acquired, signal);
    } catch (error) {
      release();
      throw error;
    }
    return {
      paths: entries.flatMap((entry) => entry.brought?.path ?? []),
      rows: Number(refs.reduce((sum, ref) => sum + ref.rows, 0n)),
      bytes: wanted.reduce((sum, { file }) => sum + Number(file.bytes), 0),
      [Symbol.dispose]: release,
    };
  }

  /** Deletes what is kept for a query, also what is in use. */
  async dropQuery(id: string): Promise<void> {
    for (const entry of [...this.#entries.values()]) if (entry.key.startsWith(`${id}.`)) this.#forget(entry);
    if (isSafeId(id)) await rm(path.join(this.#options.dir, id), { recursive: true, force: true });
  }

  async close(): Promise<void> {
    await this.#bringer.close();
  }

  async #acquire(wanted: WantedFile, unreachable: Set<string>, signal: AbortSignal): Promise<Entry> {
    const key = `${formatAttempt(wanted.producer)}.${wanted.file.name}`;
    for (;;) {
      if (signal.aborted) throw abortReason(signal);
      const known = this.#entries.get(key);
      if (known === undefined) return this.#load(key, wanted, unreachable, signal);
      known.users += 1;
      try {
        await untilAborted(known.ready, signal);
        this.#hits += 1;
        this.#touch(known);
        return known;
      } catch (error) {
        known.users -= 1;
        // Whoever was loading it gave up for reasons of its own: load it ourselves.
        if (error instanceof LostFile || signal.aborted) throw error;
      }
    }
  }

  async #load(
    key: string,
    wanted: WantedFile,
    unreachable: Set<string>,
    signal: AbortSignal,
  ): Promise<Entry> {
    this.#misses += 1;
    // A serial number, so that a file which is just being evicted is never written.
    this.#serial += 1;
    const target = path.join(this.#options.dir, wanted.producer.queryId, `${this.#serial}.${key}`);
    const ready = this.#inTurn(wanted, signal, async () => {
      await this.#injectFault(wanted);
      return this.#bringer.bring(wanted, target, unreachable, signal);
    });
    const entry: Entry = { key, ready, brought: undefined, users: 1 };
    this.#entries.set(key, entry);
    try {
      entry.brought = await ready;
    } catch (error) {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
      throw error;
    }
    if (this.#entries.get(key) === entry) this.#bytes += entry.brought.ownBytes;
    this.#evict();
    return entry;
  }

  async #inTurn<T>({ ref }: WantedFile, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const holder = ref.hostId === this.#options.hostId ? '' : ref.url;
    const slots = this.#slots.get(holder) ?? new Semaphore(this.#concurrency);
    this.#slots.set(holder, slots);
    try {
      return await slots.run(work, signal);
    } finally {
      if (slots.isIdle) this.#slots.delete(holder);
    }
  }

  async #injectFault({ ref, file }: WantedFile): Promise<void> {
    try {
      await this.#options.faults?.beforeRead?.(ref, file);
    } catch (error) {
      throw new LostFile(SqlState.ioError, error instanceof Error ? error.message : String(error), error);
    }
  }

  #touch(entry: Entry): void {
    if (this.#entries.get(entry.key) !== entry) return;
    this.#entries.delete(entry.key);
    this.#entries.set(entry.key, entry);
  }

  #release(entry: Entry): void {
    entry.users -= 1;
    this.#evict();
  }

  #evict(): void {
    for (const entry of this.#entries.values()) {
      if (this.#bytes <= this.#options.cacheBytes) return;
      const { brought } = entry;
      if (entry.users > 0 || brought === undefined || brought.ownBytes === 0) continue;
      this.#forget(entry);
      rm(brought.path, { force: true }).catch(() => {});
    }
  }

  #forget(entry: Entry): void {
    if (this.#entries.get(entry.key) !== entry) return;
    this.#entries.delete(entry.key);
    this.#bytes -= entry.brought?.ownBytes ?? 0;
  }
}

function toWanted(ref: PartitionRef, file: PartitionFile): WantedFile {
  if (ref.producer === undefined) throw malformed('a partition without its producer');
  const { queryId: query, stageId: stage, task, attempt } = ref.producer;
  if (!isSafeId(query) || !isSafeName(file.name)) throw malformed(`partition file ${query}/${file.name}`);
  return { ref, file, producer: { queryId: queryId(query), stageId: stageId(stage), task, attempt } };
}

/** Throws what matters most: an abort, then an error that is not a loss, then all losses in one. */
function throwFirst(
  wanted: readonly WantedFile[],
  acquired: readonly PromiseSettledResult<Entry>[],
  signal: AbortSignal,
): void {
  if (signal.aborted) throw abortReason(signal);
  const lost = new Map<PartitionRef, LostFile>();
  acquired.forEach((result, index) => {
    if (result.status === 'fulfilled') return;
    const ref = wanted[index]?.ref;
    if (!(result.reason instanceof LostFile) || ref === undefined) throw result.reason;
    if (!lost.has(ref)) lost.set(ref, result.reason);
  });
  const [first] = lost.values();
  if (first !== undefined) throw lostInput([...lost.keys()], first);
}

function lostInput(refs: readonly PartitionRef[], cause: LostFile): LostInputError {
  const names = refs.slice(0, 3).map(describeRef).join(', ');
  const more = refs.length > 3 ? ` and ${refs.length - 3} more` : '';
  return new LostInputError(cause.sqlState, `lost ${names}${more}: ${cause.message}`, refs, { cause });
}

function describeRef({ producer, partition, workerId }: PartitionRef): string {
  const task =
    producer === undefined
      ? '?'
      : `${producer.queryId}.${producer.stageId}.${producer.task}.${producer.attempt}`;
  return `partition ${partition} of task ${task} on worker ${workerId}`;
}

function checkRows(refs: readonly PartitionRef[]): void {
  const wrong = refs.filter((ref) => ref.files.reduce((sum, file) => sum + file.rows, 0n) !== ref.rows);
  if (wrong.length === 0) return;
  throw lostInput(
    wrong,
    new LostFile(SqlState.dataCorrupted, 'its files do not add up to the rows that it should have'),
  );
}

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(abortReason(signal));
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
