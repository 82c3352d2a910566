import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemRandom, workerId } from '../common/index.ts';
import { DuckDb } from '../duckdb/index.ts';
import { ExchangeReader } from '../exchange/index.ts';
import {
  createInProcessWorkerClient,
  type PartitionRef,
  type RunTaskRequest,
  RunTaskRequestSchema,
  type RunTaskResponse,
  type TaskInputSchema,
} from '../rpc/index.ts';
import type { SqlValue } from '../types/index.ts';
import { FragmentRuntime } from './fragment-runtime.ts';
import { hostId } from './host-identity.node.ts';
import { Spool } from './spool.ts';
import { Worker, type WorkerOptions } from './worker.ts';

const tpch = path.resolve('test/data/tpch/sf0.01');
const lineitem = path.join(tpch, 'lineitem.parquet');

let dir: string;
const workers: Worker[] = [];

beforeAll(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'skein-worker-'));
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.close()));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function startWorker(id: string, options: Partial<WorkerOptions> = {}): Promise<Worker> {
  const worker = await Worker.start({
    workerId: workerId(id),
    spoolDir: path.join(dir, 'spool'),
    threads: 2,
    memoryBytes: 512 * 1024 ** 2,
    readRoots: [tpch],
    clock: systemClock,
    random: systemRandom,
    ...options,
  });
  workers.push(worker);
  return worker;
}

type RequestInit = MessageInitShape<typeof RunTaskRequestSchema>;

let stage = 0;
function task(init: Omit<RequestInit, 'attempt' | '$typeName'>): RunTaskRequest {
  stage += 1;
  return create(RunTaskRequestSchema, {
    attempt: { queryId: 'q_1', stageId: stage, task: 0, attempt: 0 },
    ...init,
  });
}

const columns = (...types: string[]) => types.map((type, index) => ({ name: `c${index}`, type }));

function lineitemScan(
  splits: { path: string; firstRow?: bigint; rowCount?: bigint }[] = [{ path: lineitem }],
): MessageInitShape<typeof TaskInputSchema> {
  return {
    name: 'main.lineitem',
    columns: [
      { name: 'l_orderkey', type: 'BIGINT' },
      { name: 'l_comment', type: 'VARCHAR' },
    ],
    source: { case: 'scan', value: { format: 'parquet', splits } },
  };
}

function exchange(partitions: PartitionRef[], ...types: string[]): MessageInitShape<typeof TaskInputSchema> {
  return {
    name: 's1',
    columns: columns(...types),
    source: { case: 'exchange', value: { partitions } },
  };
}

const signal = new AbortController().signal;

/** What the coordinator does with the last stage's partitions. */
async function ask(
  sql: string,
  input: MessageInitShape<typeof TaskInputSchema>,
  hostId = 'elsewhere',
): Promise<SqlValue[][]> {
  const spool = await Spool.open({ dir: path.join(dir, 'spool'), clock: systemClock, random: systemRandom });
  const duckdb = await DuckDb.open({
    threads: 2,
    memoryBytes: 512 * 1024 ** 2,
    tempDirectory: spool.spillDir,
    readRoots: [tpch],
    writeRoots: [spool.root],
  });
  const reader = new ExchangeReader({
    dir: spool.inputDir,
    ownRoot: spool.root,
    hostId,
    cacheBytes: 0,
    token: undefined,
    clock: systemClock,
  });
  const runtime = new FragmentRuntime({
    duckdb,
    spool,
    reader,
    clock: systemClock,
    self: { workerId: 'coordinator', url: '', hostId },
  });
  try {
    const { batches } = await runtime.stream(task({ sql, inputs: [input] }), signal);
    const rows: SqlValue[][] = [];
    for await (const batch of batches) {
      for (let row = 0; row < batch.rowCount; row++)
        rows.push(batch.columns.map((column) => column[row] ?? null));
    }
    return rows;
  } finally {
    await reader.close();
    duckdb.close();
    await spool.close();
  }
}

async function writeLineitem(worker: Worker, partitions = 1): Promise<RunTaskResponse> {
  return worker.runTask(
    task({
      sql: 'SELECT l_orderkey AS c0, l_comment AS c1 FROM lineitem',
      inputs: [lineitemScan()],
      columns: columns('BIGINT', 'VARCHAR'),
      output: { hashKeys: partitions > 1 ? ['c0'] : [], partitions },
    }),
    signal,
  );
}

describe('Worker', () => {
  it('runs a task end to end, in process', async () => {
    const client = createInProcessWorkerClient(await startWorker('w1'));
    const response = await client.runTask(
      task({
        sql: 'SELECT count(*) AS c0 FROM main.lineitem',
        inputs: [lineitemScan()],
        columns: columns('BIGINT'),
      }),
      signal,
    );
    expect(response.stats).toMatchObject({ inputRows: 60175n, outputRows: 1n });
    expect(response.stats?.rowsByInput).toEqual({ 'main.lineitem': 60175n });
    expect(response.partitions).toHaveLength(1);
    expect(response.partitions[0]?.files[0]?.inline.length).toBeGreaterThan(100);
    expect(response.partitions[0]).toMatchObject({ partition: 0, rows: 1n, workerId: 'w1', url: '' });
  });

  it('places rows by hash and gives every one of them to the next stage', async () => {
    const { partitions, stats } = await writeLineitem(await startWorker('w1'), 4);
    expect(partitions.map((partition) => partition.partition)).toEqual([0, 1, 2, 3]);
    expect(stats?.outputRows).toBe(60175n);
    const sum = 'SELECT count(*), sum(hash(s1)) FROM s1';
    const all = await ask(sum, exchange(partitions, 'BIGINT', 'VARCHAR'), hostId());
    const whole = await ask('SELECT count(*), sum(hash(s1)) FROM lineitem AS s1', lineitemScan());
    expect(all).toEqual(whole);
    const misplaced = 'SELECT count(*) FROM s1 WHERE hash(c0) % 4 <> 2';
    expect(await ask(misplaced, exchange(partitions.slice(2, 3), 'BIGINT', 'VARCHAR'), hostId())).toEqual([
      [0n],
    ]);
  });
});
