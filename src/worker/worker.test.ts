import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  columns,
  type InputInit,
  lineitem,
  lineitemPath,
  lineitemRows,
  stageInput,
  TaskFixture,
  type TaskInit,
} from '../../test/support/task-fixture.ts';
import { SkeinError } from '../common/index.ts';
import { createInProcessWorkerClient, type PartitionRef, type RunTaskResponse } from '../rpc/index.ts';
import type { FragmentRuntime } from './fragment-runtime.ts';
import type { Worker } from './worker.ts';

const signal = new AbortController().signal;

let fixture: TaskFixture;
beforeEach(async () => {
  fixture = await TaskFixture.create();
});
afterEach(() => fixture[Symbol.asyncDispose]());

const allOfLineitem: TaskInit = {
  sql: 'SELECT l_orderkey AS c0, l_comment AS c1 FROM lineitem',
  inputs: [lineitem()],
  columns: columns('BIGINT', 'VARCHAR'),
};
const digest = 'SELECT count(*), sum(hash(t)) FROM';

function run(worker: Worker, init: TaskInit): Promise<RunTaskResponse> {
  return createInProcessWorkerClient(worker).runTask(fixture.task(init), signal);
}

async function failure(promise: Promise<unknown>): Promise<SkeinError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SkeinError);
  return error as SkeinError;
}

describe('task output', () => {
  it('travels in the response when it is small', async () => {
    const response = await run(await fixture.worker('w1'), {
      sql: 'SELECT count(*) AS c0 FROM main.lineitem',
      inputs: [lineitem()],
      columns: columns('BIGINT'),
    });
    expect(response.stats).toMatchObject({ inputRows: BigInt(lineitemRows), outputRows: 1n });
    expect(response.stats?.rowsByInput).toEqual({ 'main.lineitem': BigInt(lineitemRows) });
    expect(response.partitions).toHaveLength(1);
    expect(response.partitions[0]).toMatchObject({ partition: 0, rows: 1n, workerId: 'w1', url: '' });
    const [file] = response.partitions[0]?.files ?? [];
    expect(file?.inline.length).toBe(Number(file?.bytes));
    await until(async () => !existsSync(file?.path ?? ''));
    const rows = await fixture.rows(await fixture.runtime(), {
      sql: 'SELECT c0 FROM s',
      inputs: [stageInput('s', response.partitions, 'BIGINT')],
    });
    expect(rows).toEqual([[BigInt(lineitemRows)]]);
  });

  it('is placed by hash, and all of it reaches the next stage', async () => {
    const { partitions, stats } = await run(await fixture.worker('w1'), {
      ...allOfLineitem,
      output: { hashKeys: ['c0'], partitions: 4 },
    });
    expect(partitions.map((partition) => partition.partition)).toEqual([0, 1, 2, 3]);
    expect(stats?.outputRows).toBe(BigInt(lineitemRows));
    const runtime = await fixture.runtime();
    const inputs = [stageInput('t', partitions, 'BIGINT', 'VARCHAR'), lineitem()];
    const all = await fixture.rows(runtime, { sql: `${digest} t`, inputs });
    expect(all).toEqual(await fixture.rows(runtime, { sql: `${digest} main.lineitem AS t`, inputs }));
    const third = [stageInput('t', partitions.slice(2, 3), 'BIGINT', 'VARCHAR')];
    const misplaced = 'SELECT count(*) FROM t WHERE hash(c0) % 4 <> 2';
    expect(await fixture.rows(runtime, { sql: misplaced, inputs: third })).toEqual([[0n]]);
  });

  it('goes to the partitions that an expression names', async () => {
    const { partitions } = await run(await fixture.worker('w1'), {
      sql: 'SELECT range AS c0 FROM range(100)',
      columns: columns('BIGINT'),
      output: { hashKeys: ['c0'], partitions: 3, placedBy: 'c0 % 5' },
    });
    const rows = await fixture.rows(await fixture.runtime(), {
      sql: 'SELECT DISTINCT c0 % 5 FROM s ORDER BY 1',
      inputs: [stageInput('s', partitions.slice(0, 1), 'BIGINT')],
    });
    expect(rows).toEqual([[0n], [3n]]);
  });

  it('is hashed by its values as they were before they took their wire types', async () => {
    const { partitions } = await run(await fixture.worker('w1'), {
      sql: 'SELECT range::HUGEINT AS c0 FROM range(100)',
      columns: columns('HUGEINT'),
      output: { hashKeys: ['c0'], partitions: 3 },
    });
    const rows = await fixture.rows(await fixture.runtime(), {
      sql: 'SELECT list(DISTINCT hash(c0) % 3), count(*), typeof(any_value(c0)) FROM s',
      inputs: [stageInput('s', partitions.slice(1, 2), 'HUGEINT')],
    });
    expect(rows).toEqual([[[1n], partitions[1]?.rows, 'HUGEINT']]);
  });

  it('keeps an order, in files and through a stream', async () => {
    const { partitions } = await run(await fixture.worker('w1'), {
      ...allOfLineitem,
      sql: 'SELECT i AS c0, repeat(md5(i::VARCHAR), 4) AS c1 FROM range(300000) AS r(i) ORDER BY c1',
      inputs: [],
      ordered: true,
    });
    const rows = await fixture.rows(await fixture.runtime(), {
      sql: 'SELECT c1 FROM s',
      inputs: [stageInput('s', partitions, 'BIGINT', 'VARCHAR')],
    });
    const texts = rows.map(([text]) => String(text));
    expect(texts).toHaveLength(300_000);
    expect(texts.every((text, index) => index === 0 || (texts[index - 1] ?? '') <= text)).toBe(true);
  });

  it('keeps the number of rows where there are no columns', async () => {
    const { partitions } = await run(await fixture.worker('w1'), {
      sql: 'SELECT 1 FROM lineitem WHERE l_orderkey < 10',
      inputs: [lineitem()],
    });
    const rows = await fixture.rows(await fixture.runtime(), {
      sql: 'SELECT count(*) FROM s, lineitem WHERE l_orderkey < 2',
      inputs: [stageInput('s', partitions), lineitem()],
    });
    expect(rows).toEqual([[(partitions[0]?.rows ?? 0n) * 6n]]);
  });

  it('is no partition where there are no rows', async () => {
    const worker = await fixture.worker('w1');
    const none = { ...allOfLineitem, sql: `${allOfLineitem.sql} WHERE l_orderkey < 0` };
    expect((await run(worker, none)).partitions).toEqual([]);
    const hashed = await run(worker, { ...none, output: { hashKeys: ['c0'], partitions: 3 } });
    expect(hashed.partitions).toEqual([]);
    expect(hashed.stats?.outputRows).toBe(0n);
  });

  it('has a query with repeated names, a comment at its end and no inputs', async () => {
    const { partitions } = await run(await fixture.worker('w1'), {
      sql: `SELECT 1 AS a, 'x' AS a -- the end`,
      columns: columns('INTEGER', 'VARCHAR'),
    });
    const inputs = [stageInput('s', partitions, 'INTEGER', 'VARCHAR')];
    expect(await fixture.rows(await fixture.runtime(), { sql: 'SELECT * FROM s', inputs })).toEqual([
      [1, 'x'],
    ]);
  });
});

describe('task input', () => {
  it('is a run of rows of a file', async () => {
    const runtime = await fixture.runtime();
    const splits = [
      { path: lineitemPath, firstRow: 0n, rowCount: 1000n },
      { path: lineitemPath, firstRow: 1000n, rowCount: 500n },
      { path: lineitemPath, firstRow: 60_000n, rowCount: 175n },
    ];
    const { batches, stats } = await runtime.stream(
      fixture.task({ sql: 'SELECT count(*), min(l_orderkey) FROM lineitem', inputs: [lineitem(splits)] }),
      signal,
    );
    for await (const batch of batches) expect(batch.columns).toEqual([[1675n], [1n]]);
    expect(stats()).toMatchObject({ inputRows: 1675n, outputRows: 1n });
    expect(Number(stats().inputBytes)).toBeGreaterThan(0);
  });

  it('has its types also when there is none of it', async () => {
    const rows = await fixture.rows(await fixture.runtime(), {
      sql: `SELECT count(*), typeof(max(c0)), typeof(max(l_comment)) FROM s LEFT JOIN lineitem ON true`,
      inputs: [stageInput('s', [], 'DECIMAL(15,2)', 'INTEGER[]'), lineitem([])],
    });
    expect(rows).toEqual([[0n, 'DECIMAL(15,2)', 'VARCHAR']]);
  });

  it('is CSV and JSON read as the table was planned, and partition folders', async () => {
    const folder = path.join(fixture.dir, 'year=2024');
    await mkdir(folder);
    await writeFile(path.join(folder, 'a.csv'), 'a;b\n007;x\n');
    await writeFile(path.join(folder, 'a[1].json'), '{"a": "1", "b": [1, 2]}\n');
    const csv: InputInit = {
      name: 'c',
      columns: [
        { name: 'year', type: 'INTEGER' },
        { name: 'a', type: 'VARCHAR' },
      ],
      source: {
        case: 'scan',
        value: {
          format: 'csv',
          splits: [{ path: path.join(folder, 'a.csv') }],
          options: { delim: `';'`, header: 'true' },
          fileColumns: [
            { name: 'a', type: 'VARCHAR' },
            { name: 'b', type: 'VARCHAR' },
          ],
          hiveColumns: [{ name: 'year', type: 'INTEGER' }],
        },
      },
    };
    const json: InputInit = {
      name: 'other.j',
      columns: [{ name: 'b', type: 'BIGINT[]' }],
      source: {
        case: 'scan',
        value: {
          format: 'json',
          splits: [{ path: path.join(folder, 'a[1].json') }],
          options: { format: `'newline_delimited'` },
          fileColumns: [
            { name: 'a', type: 'VARCHAR' },
            { name: 'b', type: 'BIGINT[]' },
          ],
        },
      },
    };
    const rows = await fixture.rows(await fixture.runtime(), {
      sql: 'SELECT c.*, j.* FROM c, other.j',
      inputs: [csv, json],
    });
    expect(rows).toEqual([[2024, '007', [1n, 2n]]]);
  });

  it('is found under both of its names, with the session as it was set', async () => {
    const rows = await fixture.rows(await fixture.runtime(), {
      sql: `SELECT (SELECT count(*) FROM lineitem) = (SELECT count(*) FROM main.lineitem),
        TIMESTAMPTZ '2024-01-01 00:00:00+00'::VARCHAR`,
      inputs: [lineitem()],
      settings: { TimeZone: 'Asia/Tokyo' },
    });
    expect(rows).toEqual([[true, '2024-01-01 09:00:00+09']]);
  });

  it('cannot set what is not a setting', async () => {
    const runtime = await fixture.runtime();
    const settings = { 'TimeZone = 1; SET threads': '1' };
    const error = await failure(fixture.rows(runtime, { sql: 'SELECT 1', settings }));
    expect(error.sqlState).toBe('42704');
  });
});

describe('table files', () => {
  let table: string;
  let runtime: FragmentRuntime;
  beforeEach(async () => {
    table = path.join(fixture.dir, 'lineitem.parquet');
    await copyFile(lineitemPath, table);
    runtime = await fixture.runtime();
  });

  const count = (input: InputInit): TaskInit => ({
    sql: 'SELECT sum(hash(t)) FROM lineitem AS t',
    inputs: [input],
  });

  it('must be there', async () => {
    const error = await failure(fixture.rows(runtime, count(lineitem([{ path: `${table}.gone` }]))));
    expect(error).toMatchObject({ sqlState: '58P01', retry: 'never', details: { path: `${table}.gone` } });
  });

  it('must be whole', async () => {
    await truncate(table, 1000);
    const error = await failure(fixture.rows(runtime, count(lineitem([{ path: table }]))));
    expect(error).toMatchObject({ sqlState: 'XX001', details: { path: table } });
  });

  it('are named when their pages cannot be read', async () => {
    const bytes = await readFile(table);
    bytes.fill(0x5a, bytes.length - 400_000, bytes.length - 50_000);
    await writeFile(table, bytes);
    const splits = [{ path: lineitemPath }, { path: table }];
    const error = await failure(fixture.rows(runtime, count(lineitem(splits))));
    expect(error.sqlState).toBe('XX001');
    expect(error.message).toContain(table);
  });

  it('must not change while a query reads them', async () => {
    const input = lineitem([{ path: table }]);
    if (input.source?.case !== 'scan') throw new Error('a scan');
    const { size, mtimeMs } = await stat(table);
    input.source.value.versions = { [table]: { bytes: BigInt(size), modifiedMs: mtimeMs } };
    expect(await fixture.rows(runtime, count(input))).toHaveLength(1);
    const { batches } = await runtime.stream(fixture.task(count(input)), signal);
    await utimes(table, new Date(), new Date(0));
    const late = await failure(
      (async () => {
        for await (const _ of batches);
      })(),
    );
    expect(late).toMatchObject({ sqlState: '58030', retry: 'query', details: { path: table } });
    const early = await failure(fixture.rows(runtime, count(input)));
    expect(early.message).toBe(`the file changed while the query ran: ${table}`);
  });
});

describe('a worker', () => {
  const endless: TaskInit = {
    sql: 'SELECT count(*) AS c0 FROM range(1000000) a, range(1000000) b WHERE hash(a.range, b.range) = 42',
    columns: columns('BIGINT'),
  };

  it('stops a query and deletes its files within a second', async () => {
    const worker = await fixture.worker('w1', { slots: 2 });
    await run(worker, { ...allOfLineitem, output: { hashKeys: ['c0'], partitions: 2 } });
    expect(worker.spool.bytes).toBeGreaterThan(0);
    const ends = Promise.allSettled([run(worker, endless), run(worker, endless), run(worker, endless)]);
    await until(() => worker.getStatus().then((status) => status.runningTasks === 3));
    await worker.dropQuery('q_1');
    for (const end of await ends) expect(end).toMatchObject({ reason: { sqlState: '57014' } });
    expect(worker.spool.bytes).toBe(0);
    expect(await readdir(path.join(worker.spool.root, 'out'))).toEqual([]);
    const late = await failure(run(worker, endless));
    expect(late.sqlState).toBe('57014');
  });

  it('stops a task whose caller has gone, and removes what it wrote', async () => {
    const worker = await fixture.worker('w1');
    const caller = new AbortController();
    const call = createInProcessWorkerClient(worker).runTask(
      fixture.task({
        ...allOfLineitem,
        sql: 'SELECT i AS c0, i AS c1 FROM range(1000000000) AS r(i)',
        inputs: [],
      }),
      caller.signal,
    );
    const attempt = path.join(worker.spool.root, 'out', 'q_1', '1.0.0');
    await until(async () => existsSync(attempt) && (await readdir(attempt)).length > 0);
    caller.abort();
    expect((await failure(call)).sqlState).toBe('57014');
    await until(async () => !existsSync(attempt));
    await until(async () => (await worker.getStatus()).runningTasks === 0);
  });

  it('ends a task that takes too long', async () => {
    const error = await failure(run(await fixture.worker('w1'), { ...endless, timeoutMs: 50 }));
    expect(error).toMatchObject({ sqlState: '57014', retry: 'task' });
    expect(error.message).toContain('50 ms');
  });

  it('runs so many tasks at once, and the others in turn', async () => {
    let running = 0;
    let most = 0;
    const worker = await fixture.worker('w1', {
      slots: 2,
      faults: {
        async beforeTask() {
          running += 1;
          most = Math.max(most, running);
          await new Promise((resolve) => setTimeout(resolve, 20));
          running -= 1;
        },
      },
    });
    const one: TaskInit = { sql: 'SELECT 1 AS c0', columns: columns('INTEGER') };
    await Promise.all([1, 2, 3, 4, 5].map(() => run(worker, one)));
    expect(most).toBe(2);
    expect(await worker.getStatus()).toMatchObject({ finishedTasks: 5n, failedTasks: 0n, runningTasks: 0 });
  });

  it('waits for its data folders, and reads those that are named later too', async () => {
    const worker = await fixture.worker('w1', { readRoots: undefined });
    const csv = path.join(fixture.dir, 'late', 'a.csv');
    await mkdir(path.dirname(csv));
    await writeFile(csv, '1\n');
    const late: InputInit = {
      name: 'late',
      columns: [{ name: 'a', type: 'INTEGER' }],
      source: {
        case: 'scan',
        value: { format: 'csv', splits: [{ path: csv }], fileColumns: [{ name: 'a', type: 'INTEGER' }] },
      },
    };
    const readLate: TaskInit = {
      sql: 'SELECT a AS c0 FROM late',
      inputs: [late],
      columns: columns('INTEGER'),
    };
    const waiting = run(worker, allOfLineitem);
    await worker.allowReading([path.dirname(lineitemPath)]);
    expect((await waiting).stats?.outputRows).toBe(BigInt(lineitemRows));
    expect((await failure(run(worker, readLate))).sqlState).toBe('42501');
    await worker.allowReading([path.dirname(csv)]);
    expect((await run(worker, readLate)).stats?.outputRows).toBe(1n);
    expect((await run(worker, allOfLineitem)).stats?.outputRows).toBe(BigInt(lineitemRows));
    await expect(worker.allowReading(['/no/such/folder'])).rejects.toMatchObject({ sqlState: '58P01' });
  });

  it('never runs an attempt twice', async () => {
    const worker = await fixture.worker('w1');
    const request = fixture.task(allOfLineitem);
    await worker.runTask(request, signal);
    expect(await failure(worker.runTask(request, signal))).toMatchObject({ sqlState: 'XX000' });
  });

  it('gives an error of the SQL as it is, for good', async () => {
    const error = await failure(
      run(await fixture.worker('w1'), { sql: `SELECT 'x'::INTEGER AS c0`, columns: columns('INTEGER') }),
    );
    expect(error).toMatchObject({ sqlState: '22P02', retry: 'never' });
  });

  it('takes no tasks while it drains, and waits for those that read its outputs', async () => {
    const worker = await fixture.worker('w1');
    const { partitions } = await run(worker, allOfLineitem);
    let drained = false;
    const draining = worker.drain(signal).then(() => {
      drained = true;
    });
    expect(await failure(run(worker, allOfLineitem))).toMatchObject({ sqlState: '57P01', retry: 'task' });
    const inputs = [stageInput('t', partitions, 'BIGINT', 'VARCHAR')];
    const rows = await fixture.rows(await fixture.runtime(), { sql: 'SELECT count(*) FROM t', inputs });
    expect(rows).toEqual([[BigInt(lineitemRows)]]);
    expect(drained).toBe(false);
    await worker.dropQuery('q_1');
    await draining;
  });

  it('says which partitions it lost, whatever happened to them', async () => {
    const worker = await fixture.worker('w1');
    const write = (): Promise<RunTaskResponse> =>
      run(worker, { ...allOfLineitem, output: { hashKeys: ['c0'], partitions: 3 } });
    const read = async (partitions: PartitionRef[]): Promise<SkeinError> =>
      failure(
        fixture.rows(await fixture.runtime(), {
          sql: 'SELECT count(*) FROM t',
          inputs: [stageInput('t', partitions, 'BIGINT', 'VARCHAR')],
        }),
      );
    const cut = await write();
    await truncate(cut.partitions[1]?.files[0]?.path ?? '', 5000);
    expect(await read(cut.partitions)).toMatchObject({
      sqlState: 'XX001',
      retry: 'stage',
      lost: [{ partition: 1, workerId: 'w1' }],
    });
    const dropped = await write();
    await worker.dropQuery('q_1');
    expect(await read(dropped.partitions)).toMatchObject({
      retry: 'stage',
      lost: [{ partition: 0 }, { partition: 1 }, { partition: 2 }],
    });
  });
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}
