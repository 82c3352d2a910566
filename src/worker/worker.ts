import path from 'node:path';
import { create } from '@bufbuild/protobuf';
import {
  type Clock,
  formatAttempt,
  type Random,
  Semaphore,
  SkeinError,
  SqlState,
  sleep,
  type WorkerId,
} from '../common/index.ts';
import type { DuckDb } from '../duckdb/index.ts';
import { type ExchangeFaults, ExchangeReader, type Holder } from '../exchange/index.ts';
import {
  malformed,
  type RunTaskRequest,
  type RunTaskResponse,
  type WorkerClient,
  type WorkerStatus,
  WorkerStatusSchema,
} from '../rpc/index.ts';
import type { ObjectStores } from '../storage/index.ts';
import { type ClaimedFolder, claimFolder } from './claim-folder.ts';
import { attemptOf, FragmentRuntime } from './fragment-runtime.ts';
import { GrowingDuckDb } from './growing-duckdb.ts';
import { hostId } from './host-identity.node.ts';
import { ProcessLoad } from './process-load.node.ts';
import { type QueryTask, QueryTasks } from './query-tasks.ts';
import { Spool } from './spool.ts';
import { TableFiles } from './table-files.ts';
import type { OpenStore } from './write/attempt-files.ts';

export interface WorkerOptions {
  readonly workerId: WorkerId;
  /** http://HOST:PORT of its server; empty when it is reached in process only. */
  readonly url?: string;
  /** Default: found out. Workers with equal ids read each other's files where they lie. */
  readonly hostId?: string;
  /** Folder for scratch files, shared by the host's processes. */
  readonly spoolDir: string;
  readonly threads: number;
  readonly memoryBytes: number;
  /** Folders with table files. Undefined: tasks wait for `allowReading`. */
  readonly readRoots: readonly string[] | undefined;
  /** Tasks at once; more wait in order. */
  readonly slots?: number;
  /** Fetched partitions that no task uses are kept up to this many bytes. */
  readonly cacheBytes?: number;
  readonly token?: string | undefined;
  /** Where tables lie. Default: some of its own, for S3 as the environment says. */
  readonly stores?: ObjectStores | undefined;
  /** Stores of tables that tasks write; default: of `stores`. */
  readonly openStore?: OpenStore | undefined;
  /** What is kept of remote files of tables. */
  readonly tableCache?: TableCacheOptions | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly faults?: WorkerFaults;
}

export interface TableCacheOptions {
  /** Where it outlives the worker; workers may share it. Default: in the spool, and gone with it. */
  readonly folder?: string | undefined;
  /** Default 10 GiB. */
  readonly maxBytes?: number | undefined;
}

/** For tests: makes tasks fail, hang or wait. */
export interface WorkerFaults extends ExchangeFaults {
  /** Called before a task's SQL runs. What it throws is the task's error. */
  beforeTask?(request: RunTaskRequest, signal: AbortSignal): Promise<void>;
}

const defaultSlots = 2;
const defaultCacheBytes = 2 * 1024 ** 3;
const defaultTableCacheBytes = 10 * 1024 ** 3;
/** What a status report waits for the slower of its figures. */
const statusMs = 200;
const drainPollMs = 50;

/** Runs tasks: a bounded number at once, each on a DuckDB connection of its own. */
export class Worker implements WorkerClient {
  readonly id: WorkerId;
  readonly spool: Spool;
  readonly #options: WorkerOptions;
  readonly #self: Holder;
  readonly #reader: ExchangeReader;
  readonly #tableFiles: TableFiles;
  readonly #cache: ClaimedFolder;
  readonly #duckdb: GrowingDuckDb;
  readonly #slots: Semaphore;
  readonly #load: ProcessLoad;
  readonly #tasks: QueryTasks;
  readonly #attempts = new Set<string>();
  #runtime: FragmentRuntime | undefined;
  #finished = 0;
  #failed = 0;
  #draining = false;
  #memoryUsed = 0;
  #spoolFree = 0;

  private constructor(options: WorkerOptions, spool: Spool, tableFiles: TableFiles, cache: ClaimedFolder) {
    const { clock, threads, memoryBytes, token, faults } = options;
    this.#options = options;
    this.id = options.workerId;
    this.spool = spool;
    this.#self = { workerId: options.workerId, url: options.url ?? '', hostId: options.hostId ?? hostId() };
    this.#slots = new Semaphore(options.slots ?? defaultSlots);
    this.#load = new ProcessLoad(clock, threads);
    this.#tasks = new QueryTasks(clock);
    this.#duckdb = new GrowingDuckDb({
      threads,
      memoryBytes,
      tempDirectory: spool.spillDir,
      writeRoots: [spool.root, cache.folder],
      keepJoinOrder: true,
      clock,
    });
    this.#tableFiles = tableFiles;
    this.#cache = cache;
    this.#reader = new ExchangeReader({
      dir: spool.inputDir,
      ownRoot: spool.root,
      hostId: this.#self.hostId,
      cacheBytes: options.cacheBytes ?? defaultCacheBytes,
      token,
      clock,
      ...(faults === undefined ? {} : { faults }),
    });
  }

  /** @throws SkeinError when the spool folder or a data folder cannot be used */
  static async start(options: WorkerOptions): Promise<Worker> {
    const spool = await Spool.open({ dir: options.spoolDir, clock: options.clock, random: options.random });
    const worker = await Worker.#openOn(spool, options).catch(async (error: unknown) => {
      await spool.close();
      throw error;
    });
    try {
      if (options.readRoots !== undefined) await worker.allowReading(options.readRoots);
      return worker;
    } catch (error) {
      await worker.close();
      throw error;
    }
  }

  static async #openOn(spool: Spool, options: WorkerOptions): Promise<Worker> {
    const { folder: shared, maxBytes = defaultTableCacheBytes } = options.tableCache ?? {};
    const cache: ClaimedFolder =
      shared === undefined
        ? { folder: path.join(spool.root, 'tables'), release: async () => undefined }
        : await claimFolder(path.resolve(shared), options.random);
    try {
      const tableFiles = await TableFiles.open({ ...options, cache: { folder: cache.folder, maxBytes } });
      return new Worker(options, spool, tableFiles, cache);
    } catch (error) {
      await cache.release();
      throw error;
    }
  }

  /** Lets later tasks read these folders, besides those that were named before. @throws SkeinError 58P01 */
  async allowReading(readRoots: readonly string[]): Promise<void> {
    await this.#duckdb.allowReading(readRoots);
  }

  async runTask(request: RunTaskRequest, signal: AbortSignal): Promise<RunTaskResponse> {
    const attempt = attemptOf(request);
    if (this.#draining) {
      throw new SkeinError(SqlState.adminShutdown, `worker ${this.id} is shutting down`, { retry: 'task' });
    }
    const key = formatAttempt(attempt);
    if (this.#attempts.has(key)) throw malformed(`attempt ${key} is running already`);
    this.#attempts.add(key);
    const task = this.#tasks.begin(attempt, signal);
    const cancelTimeout = this.#limitTime(request, task);
    try {
      const response = await this.#slots.run(() => this.#run(request, task.signal), task.signal);
      this.#finished += 1;
      return response;
    } catch (error) {
      if (!signal.aborted) this.#failed += 1;
      throw error;
    } finally {
      cancelTimeout();
      task.end();
      this.#attempts.delete(key);
      // It may have written after its query was dropped.
      if (this.spool.isDropped(attempt.queryId)) await this.#deleteQuery(attempt.queryId);
    }
  }

  async dropQuery(queryId: string): Promise<void> {
    this.spool.refuseQuery(queryId);
    await Promise.all([this.#tasks.stop(queryId), this.#runtime?.stopQuery(queryId)]);
    await this.#deleteQuery(queryId);
  }

  async getStatus(): Promise<WorkerStatus> {
    await this.#measure();
    const cache = this.#reader.cacheStats;
    const tables = this.#tableFiles.cacheStats;
    return create(WorkerStatusSchema, {
      workerId: this.id,
      runningTasks: this.#tasks.size,
      finishedTasks: BigInt(this.#finished),
      failedTasks: BigInt(this.#failed),
      memoryLimitBytes: BigInt(this.#options.memoryBytes),
      memoryUsedBytes: BigInt(this.#memoryUsed),
      residentBytes: BigInt(this.#load.residentBytes()),
      spoolBytes: BigInt(this.spool.bytes),
      spoolFreeBytes: BigInt(this.#spoolFree),
      cacheBytes: BigInt(cache.bytes),
      cacheHits: BigInt(cache.hits),
      cacheMisses: BigInt(cache.misses),
      cpuLoad: this.#load.sinceLast(),
      draining: this.#draining,
      tableCacheBytes: BigInt(tables.bytes),
      tableCacheHits: BigInt(tables.hits),
      tableCacheMisses: BigInt(tables.misses),
      running: (this.#runtime?.shares() ?? []).map(({ attempt, fraction }) => ({ ...attempt, fraction })),
    });
  }

  /** Takes no more tasks; resolves when those that it has have ended and nobody needs their outputs any more. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#draining = true;
    while (this.#tasks.size > 0 || !this.spool.isEmpty) await sleep(this.#options.clock, drainPollMs, signal);
  }

  /** Stops what runs and deletes the spool. */
  async close(): Promise<void> {
    this.#draining = true;
    const reason = new SkeinError(SqlState.adminShutdown, `worker ${this.id} shut down`, { retry: 'task' });
    await this.#tasks.stopAll(reason);
    await this.#runtime?.stop(reason);
    this.#duckdb.close();
    await this.#reader.close();
    await this.#tableFiles[Symbol.asyncDispose]();
    await this.#cache.release();
    await this.spool.close();
  }

  #limitTime({ timeoutMs }: RunTaskRequest, task: QueryTask): () => void {
    if (timeoutMs <= 0) return () => {};
    return this.#options.clock.after(timeoutMs, () => {
      const message = `the task took longer than ${timeoutMs} ms`;
      task.abort(new SkeinError(SqlState.queryCanceled, message, { retry: 'task' }));
    });
  }

  async #run(request: RunTaskRequest, signal: AbortSignal): Promise<RunTaskResponse> {
    await this.#options.faults?.beforeTask?.(request, signal);
    return this.#duckdb.use(signal, (duckdb) => this.#runtimeOn(duckdb).runToSpool(request, signal));
  }

  #runtimeOn(duckdb: DuckDb): FragmentRuntime {
    if (this.#runtime?.duckdb !== duckdb) {
      const { clock } = this.#options;
      const openStore = this.#options.openStore ?? this.#tableFiles.openStore;
      this.#runtime = new FragmentRuntime({
        duckdb,
        spool: this.spool,
        reader: this.#reader,
        clock,
        self: this.#self,
        openStore,
        scanFiles: this.#tableFiles.scanFiles,
        deltaFiles: this.#tableFiles.deltaFiles,
      });
    }
    return this.#runtime;
  }

  async #deleteQuery(queryId: string): Promise<void> {
    await Promise.all([this.spool.dropQuery(queryId), this.#reader.dropQuery(queryId)]);
  }

  /** A report must not wait for long: silence means death. Late figures serve the next one. */
  async #measure(): Promise<void> {
    const measured = Promise.all([
      this.spool.freeBytes().then((bytes) => {
        this.#spoolFree = bytes;
      }),
      this.#duckdb.current?.memoryUsedBytes().then((bytes) => {
        this.#memoryUsed = bytes;
      }),
    ]).catch(() => {});
    const waiting = new AbortController();
    const patience = sleep(this.#options.clock, statusMs, waiting.signal).catch(() => {});
    await Promise.race([measured, patience]);
    waiting.abort();
  }
}
