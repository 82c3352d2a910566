import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { systemClock, systemRandom, workerId } from '../../src/common/index.ts';
import { DuckDb } from '../../src/duckdb/index.ts';
import { ExchangeReader } from '../../src/exchange/index.ts';
import {
  type PartitionRef,
  type RunTaskRequest,
  RunTaskRequestSchema,
  type TaskInputSchema,
} from '../../src/rpc/index.ts';
import { ObjectStores } from '../../src/storage/index.ts';
import type { SqlValue } from '../../src/types/index.ts';
import { DeltaFiles } from '../../src/worker/delta/index.ts';
import {
  FragmentRuntime,
  hostId,
  type RemoteFiles,
  Spool,
  Worker,
  type WorkerOptions,
} from '../../src/worker/index.ts';
import { ScanFiles } from '../../src/worker/scan-files.ts';

export const tpchDir = path.resolve('test/data/tpch/sf0.01');
export const lineitemPath = path.join(tpchDir, 'lineitem.parquet');
export const lineitemRows = 60_175;

export type TaskInit = Omit<MessageInitShape<typeof RunTaskRequestSchema>, '$typeName'>;
export type InputInit = MessageInitShape<typeof TaskInputSchema>;

const memoryBytes = 512 * 1024 ** 2;

/** Columns c0, c1 ... of the given types. */
export function columns(...types: readonly string[]): { name: string; type: string }[] {
  return types.map((type, index) => ({ name: `c${index}`, type }));
}

/** An input that reads stage output. */
export function stageInput(name: string, partitions: readonly PartitionRef[], ...types: string[]): InputInit {
  return {
    name,
    columns: columns(...types),
    source: { case: 'exchange', value: { partitions: [...partitions] } },
  };
}

/** The table `lineitem`, or a part of it. */
export function lineitem(
  splits: { path: string; firstRow?: bigint; rowCount?: bigint }[] = [{ path: lineitemPath }],
): InputInit {
  return {
    name: 'main.lineitem',
    columns: [
      { name: 'l_orderkey', type: 'BIGINT' },
      { name: 'l_comment', type: 'VARCHAR' },
    ],
    source: { case: 'scan', value: { format: 'parquet', splits } },
  };
}

/** Workers and a coordinator's runtime over one scratch folder, closed and deleted together. */
export class TaskFixture implements AsyncDisposable {
  readonly dir: string;
  readonly #closers: (() => Promise<void>)[] = [];
  #serial = 0;

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async create(): Promise<TaskFixture> {
    return new TaskFixture(await mkdtemp(path.join(os.tmpdir(), 'skein-task-')));
  }

  get spoolDir(): string {
    return path.join(this.dir, 'spool');
  }

  /** A request with an attempt id of its own. */
  task(init: TaskInit, queryId = 'q_1'): RunTaskRequest {
    this.#serial += 1;
    const attempt = { queryId, stageId: this.#serial, task: 0, attempt: 0 };
    return create(RunTaskRequestSchema, { ...init, attempt } as MessageInitShape<
      typeof RunTaskRequestSchema
    >);
  }

  async worker(id: string, options: Partial<WorkerOptions> = {}): Promise<Worker> {
    const worker = await Worker.start({
      workerId: workerId(id),
      spoolDir: this.spoolDir,
      threads: 2,
      memoryBytes,
      readRoots: [tpchDir, this.dir],
      clock: systemClock,
      random: systemRandom,
      ...options,
    });
    this.#closers.push(() => worker.close());
    return worker;
  }

  /** What a coordinator runs root fragments on. `host`: its host's identity. */
  async runtime(host = hostId(), remoteFiles?: RemoteFiles): Promise<FragmentRuntime> {
    const stores = new ObjectStores({ clock: systemClock, random: systemRandom });
    const spool = await Spool.open({ dir: this.spoolDir, clock: systemClock, random: systemRandom });
    const duckdb = await DuckDb.open({
      threads: 2,
      memoryBytes,
      tempDirectory: spool.spillDir,
      readRoots: [tpchDir, this.dir],
      writeRoots: [spool.root],
    });
    const reader = new ExchangeReader({
      dir: spool.inputDir,
      ownRoot: spool.root,
      hostId: host,
      cacheBytes: 0,
      token: undefined,
      clock: systemClock,
    });
    this.#closers.push(async () => {
      await reader.close();
      await stores.close();
      duckdb.close();
      await spool.close();
    });
    return new FragmentRuntime({
      duckdb,
      spool,
      reader,
      clock: systemClock,
      self: { workerId: 'coordinator', url: '', hostId: host },
      scanFiles: new ScanFiles(remoteFiles),
      deltaFiles: new DeltaFiles({ stores, remoteFiles }),
    });
  }

  /** Every row of a root fragment. */
  async rows(
    runtime: FragmentRuntime,
    init: TaskInit,
    signal = new AbortController().signal,
  ): Promise<SqlValue[][]> {
    const { batches } = await runtime.stream(this.task(init), signal);
    const rows: SqlValue[][] = [];
    for await (const { columns: values, rowCount } of batches) {
      for (let row = 0; row < rowCount; row++) rows.push(values.map((column) => column[row] ?? null));
    }
    return rows;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
    await rm(this.dir, { recursive: true, force: true });
  }
}
