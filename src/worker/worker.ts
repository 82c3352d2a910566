import { create } from '@bufbuild/protobuf';
import {
  type Clock,
  canceledError,
  type Random,
  SkeinError,
  SqlState,
  sleep,
  type WorkerId,
} from '../common/index.ts';
import { DuckDb } from '../duckdb/index.ts';
import { type ExchangeFaults, ExchangeReader, Semaphore } from '../exchange/index.ts';
import {
  abortReason,
  malformed,
  type RunTaskRequest,
  type RunTaskResponse,
  type WorkerClient,
  type WorkerStatus,
  WorkerStatusSchema,
} from '../rpc/index.ts';
import { FragmentRuntime } from './fragment-runtime.ts';
import { hostId } from './host-identity.node.ts';
import { ProcessLoad } from './process-load.node.ts';
import { Spool } from './spool.ts';

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
  /** Folders with table files. Undefined: tasks wait for `setReadRoots`. */
  readonly readRoots: readonly string[] | undefined;
  /** Tasks at once; more wait in order. */
  readonly slots?: number;
  /** Fetched partitions that no task uses are kept up to this many bytes. */
  readonly cacheBytes?: number;
  readonly token?: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly faults?: WorkerFaults;
}

/** For tests: makes tasks fail, hang or wait. */
export interface WorkerFaults extends ExchangeFaults {
  /** Called before a task's SQL runs. What it throws is the task's error. */
  beforeTask?(request: RunTaskRequest, signal: AbortSignal): Promise<void>;
}

interface RunningTask {
  readonly queryId: string;
  readonly controller: AbortController;
  readonly ended: Promise<unknown>;
}

/** A DuckDB that may read certain folders; replaced when the folders change. */
interface Engine {
  readonly duckdb: DuckDb;
  readonly runtime: FragmentRuntime;
  readonly readRoots: readonly string[];
  users: number;
  retired: boolean;
}

const defaultSlots = 2;
const defaultCacheBytes = 2 * 1024 ** 3;
/** A dropped query's tasks get this long to stop before their files go anyway. */
const stopTasksMs = 500;
/** What a status report waits for the slower of its figures. */
const statusMs = 200;

/** Runs tasks: a bounded number at once, each on a DuckDB connection of its own. */
export class Worker implements WorkerClient {
  readonly id: WorkerId;
  readonly spool: Spool;
  readonly #options: WorkerOptions;
  readonly #reader: ExchangeReader;
  readonly #slots: Semaphore;
  readonly #load: ProcessLoad;
  readonly #running = new Map<string, RunningTask>();
  #engine: Promise<Engine>;
  #setEngine: ((engine: Promise<Engine>) => void) | undefined;
  #finished = 0;
  #failed = 0;
  #draining = false;
  #memoryUsed = 0;
  #spoolFree = 0;

  private constructor(options: WorkerOptions, spool: Spool) {
    this.#options = options;
    this.id = options.workerId;
    this.spool = spool;
    this.#slots = new Semaphore(options.slots ?? defaultSlots);
    this.#load = new ProcessLoad(options.clock, options.threads);
    this.#reader = new ExchangeReader({
      dir: spool.inputDir,
      ownRoot: spool.root,
      hostId: options.hostId ?? hostId(),
      cacheBytes: options.cacheBytes ?? defaultCacheBytes,
      token: options.token,
      clock: options.clock,
      ...(options.faults === undefined ? {} : { faults: options.faults }),
    });
    this.#engine = new Promise((resolve) => {
      this.#setEngine = resolve;
    });
  }

  /** @throws SkeinError when the spool folder or a data folder cannot be used */
  static async start(options: WorkerOptions): Promise<Worker> {
    const spool = await Spool.open({ dir: options.spoolDir, clock: options.clock, random: options.random });
    const worker = new Worker(options, spool);
    if (options.readRoots === undefined) return worker;
    try {
      await worker.setReadRoots(options.readRoots);
      return worker;
    } catch (error) {
      await worker.close();
      throw error;
    }
  }

  /** Lets later tasks read these folders, and those that were named before. */
  async setReadRoots(readRoots: readonly string[]): Promise<void> {
    const before = this.#setEngine === undefined ? await this.#engine : undefined;
    const roots = [...new Set([...(before?.readRoots ?? []), ...readRoots])];
    if (before !== undefined && roots.length === before.readRoots.length) return;
    const engine = await this.#openEngine(roots);
    if (this.#setEngine === undefined) this.#engine = Promise.resolve(engine);
    else this.#setEngine(Promise.resolve(engine));
    this.#setEngine = undefined;
    if (before !== undefined) retire(before);
  }

  async runTask(request: RunTaskRequest, signal: AbortSignal): Promise<RunTaskResponse> {
    const { attempt } = request;
    if (attempt === undefined) throw malformed('a task without its attempt');
    if (this.#draining) {
      throw new SkeinError(SqlState.adminShutdown, `worker ${this.id} is shutting down`, { retry: 'task' });
    }
    const key = `${attempt.queryId}.${attempt.stageId}.${attempt.task}.${attempt.attempt}`;
    if (this.#running.has(key)) throw malformed(`attempt ${key} is running already`);
    const controller = new AbortController();
    const cancelTimeout = this.#limitTime(request, controller);
    const ended = this.#run(request, AbortSignal.any([signal, controller.signal]));
    this.#running.set(key, { queryId: attempt.queryId, controller, ended: ended.catch(() => {}) });
    try {
      const response = await ended;
      this.#finished += 1;
      return response;
    } catch (error) {
      if (!signal.aborted) this.#failed += 1;
      throw error;
    } finally {
      cancelTimeout();
      this.#running.delete(key);
      if (this.spool.isDropped(attempt.queryId)) await this.#deleteQuery(attempt.queryId);
    }
  }

  async dropQuery(queryId: string): Promise<void> {
    this.spool.refuseQuery(queryId);
    const tasks = [...this.#running.values()].filter((task) => task.queryId === queryId);
    for (const task of tasks) task.controller.abort(canceledError());
    const stopped = Promise.all(tasks.map((task) => task.ended));
    await Promise.race([stopped, sleep(this.#options.clock, stopTasksMs)]);
    await this.#deleteQuery(queryId);
  }

  async getStatus(): Promise<WorkerStatus> {
    await Promise.race([this.#measure(), sleep(this.#options.clock, statusMs)]);
    const cache = this.#reader.cacheStats;
    return create(WorkerStatusSchema, {
      workerId: this.id,
      runningTasks: this.#running.size,
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
    });
  }

  /** Takes no more tasks; resolves when those that it has have ended, and nobody needs their outputs any more. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#draining = true;
    while (this.#running.size > 0 || this.spool.bytes > 0) await sleep(this.#options.clock, 50, signal);
  }

  /** Stops what runs and deletes the spool. */
  async close(): Promise<void> {
    this.#draining = true;
    const reason = new SkeinError(SqlState.adminShutdown, `worker ${this.id} shut down`, { retry: 'task' });
    const tasks = [...this.#running.values()];
    for (const task of tasks) task.controller.abort(reason);
    await Promise.all(tasks.map((task) => task.ended));
    if (this.#setEngine === undefined) retire(await this.#engine);
    await this.#reader.close();
    await this.spool.close();
  }

  async #run(request: RunTaskRequest, signal: AbortSignal): Promise<RunTaskResponse> {
    return this.#slots.run(async () => {
      await this.#options.faults?.beforeTask?.(request, signal);
      const engine = await withAbort(this.#engine, signal);
      engine.users += 1;
      try {
        return await engine.runtime.runToSpool(request, signal);
      } finally {
        engine.users -= 1;
        closeIdle(engine);
      }
    }, signal);
  }

  #limitTime(request: RunTaskRequest, controller: AbortController): () => void {
    if (request.timeoutMs <= 0) return () => {};
    return this.#options.clock.after(request.timeoutMs, () => {
      const message = `the task took longer than ${request.timeoutMs} ms`;
      controller.abort(new SkeinError(SqlState.queryCanceled, message, { retry: 'task' }));
    });
  }

  async #openEngine(readRoots: readonly string[]): Promise<Engine> {
    const { threads, memoryBytes, clock, workerId, url } = this.#options;
    const duckdb = await DuckDb.open({
      threads,
      memoryBytes,
      tempDirectory: this.spool.spillDir,
      readRoots,
      writeRoots: [this.spool.root],
      clock,
    });
    const self = { workerId, url: url ?? '', hostId: this.#options.hostId ?? hostId() };
    const runtime = new FragmentRuntime({ duckdb, spool: this.spool, reader: this.#reader, clock, self });
    return { duckdb, runtime, readRoots, users: 0, retired: false };
  }

  async #deleteQuery(queryId: string): Promise<void> {
    await Promise.all([this.spool.dropQuery(queryId), this.#reader.dropQuery(queryId)]);
  }

  async #measure(): Promise<void> {
    this.#spoolFree = await this.spool.freeBytes();
    if (this.#setEngine !== undefined) return;
    const { duckdb } = await this.#engine;
    this.#memoryUsed = await duckdb.memoryUsedBytes().catch(() => this.#memoryUsed);
  }
}

function retire(engine: Engine): void {
  engine.retired = true;
  closeIdle(engine);
}

function closeIdle(engine: Engine): void {
  if (engine.retired && engine.users === 0) engine.duckdb.close();
}

async function withAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
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
