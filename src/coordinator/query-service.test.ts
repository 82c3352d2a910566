import { appendFile, copyFile, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  makeSplittable,
  startTestEngine,
  type TestEngine,
  type TestEngineOptions,
} from '../../test/support/engine.ts';
import { canceledError, SkeinError } from '../common/index.ts';
import type { RunTaskRequest } from '../rpc/index.ts';
import type { RecordBatch } from '../types/index.ts';
import type { QueryHandle, QueryState } from './query-service.ts';
import { defaultScheduleLimits } from './scheduler/index.ts';

const off = { local_bypass: 'off' };
const joined = `SELECT o_orderpriority, count(*), sum(l_quantity)
  FROM orders JOIN lineitem ON o_orderkey = l_orderkey GROUP BY 1 ORDER BY 1`;
/** Hours of work for the workers. */
const endless = `SELECT count(*) FROM lineitem a JOIN lineitem b ON a.l_orderkey <> b.l_orderkey
  WHERE a.l_comment || b.l_comment LIKE '%x%y%z%'`;

let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'skein-service-'));
  await makeSplittable('test/data/tpch/sf0.01', dataDir);
});
afterAll(() => rm(dataDir, { recursive: true, force: true }));

let engine: TestEngine;
afterEach(() => engine?.close());

async function start(options: Partial<TestEngineOptions> = {}): Promise<TestEngine> {
  engine = await startTestEngine({ dataDir, workers: 3, ...options });
  return engine;
}

/** The answer of a cluster in which nothing happens. */
async function answer(sql: string): Promise<unknown> {
  const calm = await startTestEngine({ dataDir, workers: 1 });
  try {
    return await calm.rows(sql);
  } finally {
    await calm.close();
  }
}

async function drain(handle: QueryHandle): Promise<readonly RecordBatch[]> {
  const batches: RecordBatch[] = [];
  for await (const batch of handle.batches) batches.push(batch);
  return batches;
}

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  for (const started = performance.now(); !(await what()); ) {
    if (performance.now() - started > 20_000) throw new Error('waited too long');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function expectNothingLeft(): Promise<void> {
  await until(async () => {
    const statuses = await Promise.all(engine.workers.map((worker) => worker.getStatus()));
    return statuses.every((status) => status.runningTasks === 0);
  });
  await until(async () => (await leftovers()).length === 0);
}

/** Task outputs in any node's spool. */
async function leftovers(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const node of await readdir(engine.spoolDir)) {
    const out = path.join(engine.spoolDir, node, 'out');
    found.push(...(await readdir(out).catch(() => [])));
  }
  return found;
}

function latest(): { readonly state: QueryState; readonly retries: number; readonly id: string } {
  const [info] = engine.service.list();
  if (info === undefined) throw new Error('no query');
  return { state: info.state, retries: info.stats.retries, id: info.id };
}

/** Lets the first task of a stage that `pick` accepts wait until it is let go or aborted. */
class Gate {
  readonly reached: Promise<{ readonly worker: string; readonly request: RunTaskRequest }>;
  open: () => void = () => {};
  #used = false;
  #reach: (at: { worker: string; request: RunTaskRequest }) => void = () => {};
  readonly #opened: Promise<void>;

  constructor(readonly_pick: (request: RunTaskRequest) => boolean) {
    this.pick = readonly_pick;
    this.reached = new Promise((resolve) => {
      this.#reach = resolve;
    });
    this.#opened = new Promise((resolve) => {
      this.open = resolve;
    });
  }

  readonly pick: (request: RunTaskRequest) => boolean;

  async pass(worker: string, request: RunTaskRequest, signal: AbortSignal): Promise<void> {
    if (this.#used || !this.pick(request)) return;
    this.#used = true;
    this.#reach({ worker, request });
    const aborted = new Promise<never>((_, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
    );
    await Promise.race([this.#opened, aborted]);
  }
}

const readsStages = (request: RunTaskRequest): boolean =>
  request.inputs.some((input) => input.source.case === 'exchange');

describe('a query', () => {
  it('runs on all workers when it may not be bypassed, and as one fragment when it may', async () => {
    await start();
    const expected = await engine.rows(joined);
    expect(engine.service.list()[0]?.stats).toMatchObject({ bypassed: true, stages: 1 });
    expect(await engine.rows(joined, off)).toEqual(expected);
    const info = engine.service.list()[0];
    expect(info).toMatchObject({
      state: 'finished',
      stats: { bypassed: false, workers: 3, retries: 0, rows: 5 },
    });
    // Every worker reads all of the smaller table.
    expect(info?.stats.scannedRows).toBe(60_175 + 3 * 15_000);
    expect(info?.progress.fraction).toBe(1);
    const workers = new Set(
      engine.service
        .tree(latest().id)
        ?.stages.flatMap((stage) =>
          stage.tasks.flatMap((task) => task.attempts.map((attempt) => attempt.worker)),
        ),
    );
    expect(workers).toEqual(new Set(['w0', 'w1', 'w2', 'coordinator']));
    await expectNothingLeft();
  });

  it('keeps the order of a query that runs whole', async () => {
    await start();
    const rows = await engine.rows(
      'SELECT l_orderkey, l_linenumber FROM lineitem POSITIONAL JOIN (SELECT 1) ORDER BY 1 DESC, 2',
      off,
    );
    expect(rows.length).toBe(60_175);
    const keys = rows.map(([key, line]) => Number(key) * -100 + Number(line));
    expect(keys).toEqual(keys.toSorted((a, b) => a - b));
  });

  it('uses the time zone of the session on every node', async () => {
    await start();
    const sql =
      "SELECT DISTINCT (o_orderdate::TIMESTAMPTZ)::VARCHAR FROM orders WHERE o_orderdate = '1995-01-01'";
    expect(await engine.rows(sql, { ...off, TimeZone: 'Asia/Tokyo' })).toEqual([['1995-01-01 00:00:00+09']]);
    expect(await engine.rows(sql, off)).toEqual([['1995-01-01 00:00:00+00']]);
  });

  it('looks up the columns of a PIVOT with a query of its own', async () => {
    await start();
    const sql =
      'FROM (PIVOT (FROM nation JOIN region ON n_regionkey = r_regionkey) ON r_name USING count(*))';
    const handle = await engine.service.submit({
      sql: `SELECT sum("ASIA") + sum("EUROPE") ${sql}`,
      settings: off,
    });
    expect((await drain(handle)).map((batch) => batch.columns)).toEqual([[[10n]]]);
    await expectNothingLeft();
  });

  it.each([
    ['SELECT * FROM lineitems', '42P01', 14],
    ['EXPLAIN SELECT x FROM lineitem', '42703', 15],
    ['SELECT 1; SELECT 2', '42601', 8],
    ['  SELEC 1', '42601', 2],
  ])('%s is refused with its SQLSTATE and position', async (sql, sqlState, position) => {
    await start({ workers: 1 });
    await expect(engine.rows(sql)).rejects.toMatchObject({ sqlState, position });
    expect(latest().state).toBe('failed');
  });

  it('fails at once on an error in the data, and the next one works', async () => {
    await start();
    const sql = 'SELECT sum((l_comment)::INTEGER) FROM lineitem';
    await expect(engine.rows(sql, off)).rejects.toMatchObject({ sqlState: '22P02' });
    expect(latest()).toMatchObject({ state: 'failed', retries: 0 });
    expect(await engine.rows('SELECT count(*) FROM lineitem', off)).toEqual([[60_175n]]);
    await expectNothingLeft();
  });

  it('refuses settings that it does not know', async () => {
    await start({ workers: 1 });
    await expect(engine.rows('SELECT 1', { locl_bypass: 'off' })).rejects.toMatchObject({
      sqlState: '42704',
      hint: 'did you mean local_bypass?',
    });
  });
});

describe('EXPLAIN', () => {
  it('shows the stages and their SQL, and runs nothing', async () => {
    await start();
    const text = (await engine.rows(`EXPLAIN ${joined}`, off)).join('\n');
    expect(text).toMatch(/^Stage \d \(root\), on the coordinator: result/);
    expect(text).toContain('3 tasks');
    expect(text).toMatch(/Stage 0 runs this SQL:\n {2}SELECT/);
    expect(
      (await Promise.all(engine.workers.map((worker) => worker.getStatus()))).map((s) => s.finishedTasks),
    ).toEqual([0n, 0n, 0n]);
  });

  it('ANALYZE runs the query and adds what happened', async () => {
    await start();
    const text = (await engine.rows(`EXPLAIN ANALYZE ${joined}`, off)).join('\n');
    expect(text).toMatch(/task 2 on w\d: [\d,]+ rows in/);
    expect(text).toContain('read 105,175 rows');
    await expectNothingLeft();
  });

  it('comes as JSON and as DOT', async () => {
    await start();
    const [[json]] = (await engine.rows(`EXPLAIN (FORMAT json) ${joined}`, off)) as [[string]];
    expect(JSON.parse(json)).toMatchObject({
      sql: expect.stringContaining('EXPLAIN'),
      stages: expect.any(Array),
    });
    const [[dot]] = (await engine.rows(`EXPLAIN (ANALYZE, FORMAT dot) ${joined}`, off)) as [[string]];
    expect(dot).toMatch(/^digraph/);
  });
});

describe('when workers fail', () => {
  it('gives the same answer when one of three dies before it has done anything', async () => {
    const gate = new Gate(() => true);
    await start({
      faults: (worker) => ({ beforeTask: (request, signal) => gate.pass(worker, request, signal) }),
    });
    const rows = engine.rows(joined, off);
    const { worker } = await gate.reached;
    await engine.kill(Number(worker.slice(1)));
    expect(await rows).toEqual(await answer(joined));
    expect(latest().retries).toBeGreaterThan(0);
  });

  it('recomputes what a dead worker held', async () => {
    const gate = new Gate(readsStages);
    await start({
      limits: { broadcastBytes: 1 },
      faults: (worker) => ({ beforeTask: (request, signal) => gate.pass(worker, request, signal) }),
    });
    const sql = `SELECT l_orderkey, count(*) AS n, max(o_comment) FROM lineitem JOIN orders ON l_orderkey = o_orderkey
      GROUP BY 1 ORDER BY n DESC, 1 LIMIT 100`;
    const rows = engine.rows(sql, off);
    const { worker } = await gate.reached;
    await engine.kill(Number(worker.slice(1)));
    expect(await rows).toEqual(await answer(sql));
    expect(latest().retries).toBeGreaterThan(0);
    await expectNothingLeft();
  });

  it('says so clearly when none is left, and works when one is back', async () => {
    const gate = new Gate(() => true);
    await start({
      limits: { schedule: { ...defaultScheduleLimits, noWorkersMs: 300 } },
      faults: (worker) => ({ beforeTask: (request, signal) => gate.pass(worker, request, signal) }),
    });
    const rows = expect(engine.rows(joined, off)).rejects.toMatchObject({ sqlState: '57P03' });
    await gate.reached;
    await Promise.all([engine.kill(0), engine.kill(1), engine.kill(2)]);
    await rows;
    await engine.addWorker();
    expect(await engine.rows(joined, off)).toEqual(await answer(joined));
  });

  it('tries a task again elsewhere when it ran out of memory', async () => {
    let failures = 2;
    await start({
      faults: () => ({
        async beforeTask() {
          failures -= 1;
          if (failures >= 0) throw new SkeinError('53200', 'out of memory', { retry: 'task' });
        },
      }),
    });
    expect(await engine.rows(joined, off)).toEqual(await answer(joined));
    expect(latest().retries).toBe(2);
  });

  it('reads or recomputes a partition that was corrupt', async () => {
    let corrupt = 2;
    await start({
      limits: { broadcastBytes: 1 },
      faults: () => ({
        async beforeRead() {
          corrupt -= 1;
          if (corrupt >= 0) throw new Error('checksum mismatch');
        },
      }),
    });
    expect(await engine.rows(joined, off)).toEqual(await answer(joined));
  });

  it('plans again when a file changed under the query', async () => {
    const own = await mkdtemp(path.join(tmpdir(), 'skein-changing-'));
    try {
      await copyFile('test/data/tpch/sf0.01/nation.parquet', path.join(own, 'nation.parquet'));
      await writeFile(path.join(own, 'words.csv'), 'id,word\n1,a\n2,b\n');
      const gate = new Gate(() => true);
      await start({
        dataDir: own,
        faults: (worker) => ({ beforeTask: (request, signal) => gate.pass(worker, request, signal) }),
      });
      const rows = engine.rows('SELECT id, word FROM words ORDER BY id', off);
      await gate.reached;
      await appendFile(path.join(own, 'words.csv'), '3,c\n');
      await utimes(path.join(own, 'words.csv'), new Date(), new Date(Date.now() + 5_000));
      gate.open();
      expect((await rows).map(([, word]) => word)).toEqual(['a', 'b', 'c']);
    } finally {
      await rm(own, { recursive: true, force: true });
    }
  });

  it('names the file that cannot be read, and serves the other tables', async () => {
    const own = await mkdtemp(path.join(tmpdir(), 'skein-broken-'));
    try {
      await copyFile('test/data/tpch/sf0.01/nation.parquet', path.join(own, 'nation.parquet'));
      await writeFile(path.join(own, 'broken.parquet'), 'PAR1 this is no Parquet file PAR1');
      await start({ dataDir: own, workers: 1 });
      await expect(engine.rows('SELECT * FROM broken')).rejects.toThrow(path.join(own, 'broken.parquet'));
      expect(await engine.rows('SELECT count(*) FROM nation')).toEqual([[25n]]);
    } finally {
      await rm(own, { recursive: true, force: true });
    }
  });
});

describe('closing', () => {
  it('lets what runs come to its end, and takes no more', async () => {
    await start();
    const handle = await engine.service.submit({ sql: joined, settings: off });
    const closing = engine.service.close({ graceMs: 60_000 });
    await expect(engine.rows('SELECT 1')).rejects.toMatchObject({ sqlState: '57P01' });
    expect((await drain(handle)).reduce((sum, batch) => sum + batch.rowCount, 0)).toBe(5);
    await closing;
    expect(handle.info().state).toBe('finished');
  });

  it('cancels what still runs when its patience ends', async () => {
    await start();
    const handle = await engine.service.submit({ sql: endless, settings: off });
    const rows = expect(drain(handle)).rejects.toMatchObject({ sqlState: '57P01' });
    await engine.service.close({ graceMs: 50 });
    await rows;
    await expectNothingLeft();
  });
});

describe('canceling', () => {
  async function startEndless(): Promise<QueryHandle> {
    await start();
    const handle = await engine.service.submit({ sql: endless, settings: off });
    await until(async () => {
      const statuses = await Promise.all(engine.workers.map((worker) => worker.getStatus()));
      return statuses.some((status) => status.runningTasks > 0);
    });
    return handle;
  }

  it('stops every task and removes every file', async () => {
    const handle = await startEndless();
    const rows = expect(drain(handle)).rejects.toMatchObject({ sqlState: '57014' });
    expect(await engine.service.cancel(handle.id)).toBe(true);
    await rows;
    expect(handle.info().state).toBe('canceled');
    expect(await engine.service.cancel(handle.id)).toBe(true);
    await expectNothingLeft();
  });

  it('stops a query that runs on the coordinator alone', async () => {
    await start();
    const handle = await engine.service.submit({ sql: endless });
    expect(handle.info().stats.bypassed).toBe(true);
    const rows = expect(drain(handle)).rejects.toMatchObject({ sqlState: '57014' });
    await until(() => (engine.service.tree(handle.id)?.stages[0]?.tasks[0]?.attempts.length ?? 0) > 0);
    await engine.service.cancel(handle.id);
    await rows;
  });

  it('happens when the reader goes before it has read anything', async () => {
    const handle = await startEndless();
    await handle.batches[Symbol.asyncIterator]().return?.();
    await expectNothingLeft();
    expect(handle.info().state).toBe('canceled');
  });

  it('happens when the reader goes early', async () => {
    await start();
    const handle = await engine.service.submit({ sql: 'SELECT * FROM lineitem', settings: off });
    for await (const batch of handle.batches) {
      expect(batch.rowCount).toBeGreaterThan(0);
      break;
    }
    expect(handle.info().state).toBe('canceled');
    await expectNothingLeft();
  });

  it('happens when the signal of the request aborts, at any time', async () => {
    await start({ limits: { maxRunning: 1 } });
    const controller = new AbortController();
    const running = await engine.service.submit({ sql: endless, settings: off, signal: controller.signal });
    const queued = new AbortController();
    const waiting = engine.service.submit({ sql: 'SELECT 1', signal: queued.signal });
    await until(() => engine.service.list()[0]?.state === 'queued');
    queued.abort(canceledError('gone'));
    await expect(waiting).rejects.toMatchObject({ sqlState: '57014', message: 'gone' });
    controller.abort();
    await expect(drain(running)).rejects.toMatchObject({ sqlState: '57014' });
    await expectNothingLeft();
    expect(await engine.rows('SELECT 1')).toEqual([[1]]);
    await expect(
      engine.service.submit({ sql: 'SELECT 1', signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({
      sqlState: '57014',
    });
  });

  it('knows no query that there is none of', async () => {
    await start({ workers: 1 });
    expect(await engine.service.cancel('q_none')).toBe(false);
    expect(engine.service.get('q_none')).toBeUndefined();
    expect(engine.service.tree('q_none')).toBeUndefined();
  });

  it('gives up a client that takes no rows', async () => {
    await start({ workers: 1, limits: { clientIdleMs: 50 } });
    const handle = await engine.service.submit({ sql: 'SELECT * FROM lineitem', settings: off });
    await until(() => handle.info().state === 'canceled');
    await expect(drain(handle)).rejects.toThrow('nobody took its rows');
  });
});

describe('a kept result', () => {
  async function keep(sql: string, settings: Record<string, string> = off): Promise<string> {
    const handle = await engine.service.submit({ sql, settings, keepResult: true });
    expect(await drain(handle)).toEqual([]);
    await until(() => handle.info().finishedAt !== undefined);
    return handle.id;
  }

  const keys = (batches: readonly RecordBatch[]) => batches.flatMap((batch) => [...(batch.columns[0] ?? [])]);

  it('is read page by page, in order, as often as wanted', async () => {
    await start();
    const id = await keep(
      'SELECT o_orderkey, 170141183460469231731687303715884105727::HUGEINT FROM orders ORDER BY 1',
    );
    expect(engine.service.get(id)).toMatchObject({ state: 'finished', stats: { rows: 15_000 } });
    const first = await engine.service.resultPage(id, 0, 3);
    expect(first).toMatchObject({ offset: 0, nextOffset: 3 });
    expect(keys(first.batches)).toEqual([1n, 2n, 3n]);
    expect(first.batches[0]?.columns[1]?.[0]).toBe(170141183460469231731687303715884105727n);
    const last = await engine.service.resultPage(id, 14_990, 100);
    expect(last.nextOffset).toBeUndefined();
    expect(keys(last.batches)).toHaveLength(10);
    expect((await engine.service.resultPage(id, 20_000, 100)).batches).toEqual([]);
    expect(keys((await engine.service.resultPage(id, 0, 1_000_000)).batches)).toHaveLength(10_000);
  });

  it('may be small, empty, or an explanation', async () => {
    await start({ workers: 1 });
    expect((await engine.service.resultPage(await keep('SELECT 1 WHERE false'), 0, 10)).batches).toEqual([]);
    expect(keys((await engine.service.resultPage(await keep('SELECT 42'), 0, 10)).batches)).toEqual([42]);
    const explained = await engine.service.resultPage(await keep('EXPLAIN SELECT 1', {}), 1, 1);
    expect(keys(explained.batches)).toHaveLength(1);
  });

  it('fails with the error of its query', async () => {
    await start({ workers: 1 });
    const id = await keep("SELECT sum(('x' || l_comment)::INTEGER) FROM lineitem");
    expect(engine.service.get(id)?.state).toBe('failed');
    await expect(engine.service.resultPage(id, 0, 1)).rejects.toMatchObject({ sqlState: '22P02' });
  });

  it('makes room for newer ones', async () => {
    await start({ workers: 1, limits: { resultBytes: 150_000 } });
    const first = await keep('SELECT hash(o_orderkey) FROM orders');
    const second = await keep('SELECT hash(o_orderkey) FROM orders');
    await expect(engine.service.resultPage(first, 0, 1)).rejects.toMatchObject({ sqlState: '55000' });
    expect(keys((await engine.service.resultPage(second, 0, 1)).batches)).toHaveLength(1);
    const large = await keep('SELECT * FROM orders');
    expect(engine.service.get(large)?.error?.sqlState).toBe('53100');
  });
});

describe('the service', () => {
  it('runs so many queries at a time, and remembers so many', async () => {
    await start({ workers: 1, limits: { maxRunning: 1, maxQueued: 1, history: 2 } });
    const running = await engine.service.submit({ sql: 'SELECT 1' });
    const waiting = engine.service.submit({ sql: 'SELECT 2' });
    await until(() => engine.service.list()[0]?.state === 'queued');
    await expect(engine.service.submit({ sql: 'SELECT 3' })).rejects.toMatchObject({ sqlState: '53300' });
    expect((await engine.service.cluster()).queuedQueries).toBe(1);
    await drain(running);
    await drain(await waiting);
    expect(engine.service.list()).toHaveLength(2);
  });

  it('describes the cluster', async () => {
    await start({ workers: 2 });
    const cluster = await engine.service.cluster();
    expect(cluster.workers.map(({ id, state }) => `${id} ${state}`)).toEqual(['w0 alive', 'w1 alive']);
    expect(cluster.tables.find(({ name }) => name === 'main.lineitem')).toMatchObject({
      rowCount: 60_175,
      files: 2,
    });
  });

  it('ends running queries when it closes', async () => {
    await start();
    const handle = await engine.service.submit({ sql: endless, settings: off });
    const rows = expect(drain(handle)).rejects.toMatchObject({ sqlState: '57P01' });
    await engine.service.close();
    await rows;
    await expect(engine.service.submit({ sql: 'SELECT 1' })).rejects.toMatchObject({ sqlState: '57P01' });
  });
});
