import { copyFile, mkdir, readFile, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { bareDuckDb } from '../support/bare-duckdb.ts';
import { difference } from '../support/compare.ts';
import { type DataSet, makeParquetTables, type ParquetTable, slices } from '../support/data-set.ts';
import type { Result } from '../support/runner.ts';
import { Cluster, type QueryError } from './cluster.ts';
import { NodeScript, SkeinProcess, until } from './processes.ts';

// Processes start and die here, on machines that may be busy.
vi.setConfig({ testTimeout: 180_000 });

const tables: readonly ParquetTable[] = [
  { name: 'numbers', files: slices(9, 90_000, 'i, (i % 7)::INTEGER AS g, hash(i) % 1000 AS v') },
  { name: 'good', files: slices(2, 10, 'i') },
  // A file a task: the first one's task is done long before the others.
  { name: 'uneven', files: slices(3, 6_000, 'i') },
];

/** Seconds of work on every worker in its first stage. */
const slowScan =
  'SELECT g, count(*) AS n, bit_xor(hash(i, j)) AS x FROM numbers, range(4000) r(j) GROUP BY g';

/** Seconds of work after an exchange: rows grouped by `i` lie in the spools of all workers. */
const slowAfterExchange = `SELECT k, count(*) AS n, bit_xor(hash(i, j)) AS x
  FROM (SELECT i, (sum(v) % 5)::INTEGER AS k FROM numbers GROUP BY i) t, range(2000) r(j) GROUP BY k`;

/** Seconds of work in a join of tables that are divided alike: each worker joins the shards that it has. */
const slowShards = `SELECT l.g, count(*) AS n, bit_xor(hash(l.i, j)) AS x
  FROM left_shards l JOIN right_shards r ON l.i = r.i, range(2000) r(j) GROUP BY l.g`;

/** The first stage's tasks end one after another; what they spool is too large to travel inline. */
const uneven = `SELECT i % 5 AS k, count(*) AS n, bit_xor(hash(i, w, pad)) AS x FROM (
    SELECT i, max(repeat(md5(i::VARCHAR), 60)) AS pad,
      sum(CASE WHEN i >= 2000 THEN list_sum(list_transform(range(6000), lambda j: hash(i, j) % 7)) ELSE i END) AS w
    FROM uneven GROUP BY i
  ) t GROUP BY k`;

let data: DataSet;
let expected: ReadonlyMap<string, Result>;

beforeAll(async () => {
  data = await makeParquetTables(tables);
  const oracle = await bareDuckDb(data.tables);
  expected = new Map([
    [slowScan, await oracle.query(slowScan)],
    [slowAfterExchange, await oracle.query(slowAfterExchange)],
    [slowShards, await oracle.query(slowShards.replaceAll(/\w+_shards/g, 'numbers'))],
    [uneven, await oracle.query(uneven)],
  ]);
  await oracle.close();
}, 180_000);

afterAll(() => data.remove());

/** The answer of a query submitted before, with integers as the oracle has them. */
async function answerOf(cluster: Cluster, id: string, sql: string): Promise<void> {
  const view = await cluster.ended(id, 60_000);
  expect(view.error, cluster.output).toBeNull();
  const right = expected.get(sql);
  if (right === undefined) throw new Error('no expected answer');
  const rows = (await cluster.rows(id)).map((row) => row.map((value) => BigInt(value as string | number)));
  const wanted = right.rows.map((row) => row.map((value) => BigInt(value as number | bigint)));
  expect(difference({ ...right, rows: wanted }, { ...right, rows }, { kind: 'multiset' })).toBeUndefined();
}

async function errorOf(cluster: Cluster, sql: string): Promise<QueryError> {
  const { status, body } = await cluster.post(sql);
  expect(status).toBeGreaterThanOrEqual(400);
  return body.error ?? { sqlState: 'none', message: '' };
}

describe('a worker that dies in the middle of a query', () => {
  test.each([
    ['while it scans', slowScan],
    ['while it reads what others spooled', slowAfterExchange],
    ['while it joins the shards that it has', slowShards],
  ])('%s: the same answer', async (_, sql) => {
    await using cluster = await Cluster.start(data.directory, 3);
    if (sql === slowShards) {
      for (const name of ['left_shards', 'right_shards']) {
        await cluster.query(
          `CREATE TABLE ${name} SHARDED BY HASH (i) INTO 8 SHARDS AS SELECT * FROM numbers`,
        );
      }
    }
    const id = await cluster.submit(sql);
    await cluster.untilRunning(id, 3);
    if (sql === slowAfterExchange) {
      await until('the stage after the exchange', 20_000, async () =>
        (await cluster.tree(id)).stages.some(({ id: stage, state }) => stage > 0 && state === 'running'),
      );
    }
    await cluster.workers[1]?.kill();
    await answerOf(cluster, id, sql);
    expect((await cluster.info(id)).stats.retries).toBeGreaterThan(0);
    await cluster.untilAlive(2);
  });

  test('one after another, two of three: the same answer', async () => {
    await using cluster = await Cluster.start(data.directory, 3);
    const id = await cluster.submit(slowScan);
    await cluster.untilRunning(id, 3);
    await cluster.workers[0]?.kill();
    await delay(200);
    await cluster.workers[2]?.kill();
    await answerOf(cluster, id, slowScan);
  });

  test('a worker that joins takes part, one that leaves in peace costs nothing', async () => {
    await using cluster = await Cluster.start(data.directory, 2);
    cluster.startWorker();
    await cluster.untilAlive(3);
    const id = await cluster.submit(slowScan);
    await cluster.untilRunning(id, 3);
    const left = await cluster.workers[0]?.stop(60_000);
    expect(left).toBe(0);
    await answerOf(cluster, id, slowScan);
  });
});

describe('no worker at all', () => {
  test('a clear error within seconds, and the next query runs when workers are back', async () => {
    await using cluster = await Cluster.start(data.directory, 2);
    const id = await cluster.submit(slowScan);
    await cluster.untilRunning(id, 2);
    await Promise.all(cluster.workers.map((worker) => worker.kill()));
    const view = await cluster.ended(id, 20_000);
    expect(view.state).toBe('failed');
    expect(view.error?.sqlState).toMatch(/^(53000|57P03|08006|57P01)$/);
    expect(view.error?.message).toMatch(/worker/);
    cluster.startWorker();
    await cluster.untilAlive(1);
    const { rows } = await cluster.query('SELECT count(*) FROM numbers');
    expect(rows).toEqual([[90_000n]]);
  });
});

describe('a worker that does not answer', () => {
  test('is noticed and its work done by others', async () => {
    await using cluster = await Cluster.start(data.directory, 3);
    const id = await cluster.submit(slowScan);
    await cluster.untilRunning(id, 3);
    cluster.workers[1]?.signal('SIGSTOP');
    await answerOf(cluster, id, slowScan);
    await until('the loss to show', 20_000, async () =>
      (await cluster.view()).workers.every(({ state }, index) => index >= 2 || state !== undefined),
    );
    const states = (await cluster.view()).workers.map(({ state }) => state);
    expect(states.filter((state) => state === 'alive')).toHaveLength(2);
    cluster.workers[1]?.signal('SIGCONT');
    await cluster.untilAlive(3);
  });
});

/** By the coordinator's clock: what this process sees of it is late where the machine is busy. */
const cleanupMs = 1_000;

/** Every worker has stopped, and nothing lies in any spool: the coordinator had that done within a second. */
async function untilIdle(cluster: Cluster): Promise<void> {
  await until('all workers to stop and their spool to be gone', 5_000, async () => {
    const { workers } = await cluster.view();
    return workers.every(({ runningTasks }) => runningTasks === 0) && (await cluster.spooled()).length === 0;
  });
  const { state, stats } = await cluster.latest();
  expect(state).toBe('canceled');
  expect(stats.cleanupMs).toBeLessThanOrEqual(cleanupMs);
}

describe('a canceled query', () => {
  test('by DELETE stops everywhere and leaves nothing', async () => {
    await using cluster = await Cluster.start(data.directory, 3);
    const id = await cluster.submit(slowAfterExchange);
    await cluster.untilRunning(id, 3);
    await cluster.cancel(id);
    expect((await cluster.info(id)).state).toBe('canceled');
    await untilIdle(cluster);
  });

  test('by Ctrl-C in `skein query` stops everywhere and leaves nothing', async () => {
    await using cluster = await Cluster.start(data.directory, 3);
    const off = ['--set', 'local_bypass=off'];
    const asked = new SkeinProcess(['query', '--server', cluster.url, ...off, slowAfterExchange]);
    await until('running tasks', 20_000, async () =>
      (await cluster.view()).workers.some(({ runningTasks }) => runningTasks > 0),
    );
    asked.signal('SIGINT');
    expect(await asked.ended(20_000)).toBe(130);
    await untilIdle(cluster);
  });

  test('by a client that goes away stops everywhere and leaves nothing', async () => {
    await using cluster = await Cluster.start(data.directory, 3);
    const gone = new AbortController();
    const asked = cluster.query(slowAfterExchange, gone.signal);
    await until('running tasks', 20_000, async () =>
      (await cluster.view()).workers.some(({ runningTasks }) => runningTasks > 0),
    );
    gone.abort();
    await expect(asked).rejects.toThrow();
    await untilIdle(cluster);
  });
});

describe('a query of the Node client', () => {
  test('by its AbortSignal stops everywhere and leaves nothing', async () => {
    await using cluster = await Cluster.start(data.directory, 3);
    const client = new NodeScript(
      `import { Skein } from '${new URL('../../dist/index.js', import.meta.url)}';
       const skein = await Skein.open({ server: '${cluster.url}' });
       const settings = { local_bypass: 'off' };
       const abort = new AbortController();
       process.once('SIGUSR2', () => abort.abort());
       console.log('ready');
       const rows = skein.query(${JSON.stringify(slowAfterExchange)}, { settings, signal: abort.signal }).rows();
       await rows.then(() => console.log('answered'), (error) => console.log('ended with ' + error.sqlState));
       await skein.close();`,
    );
    try {
      await client.printed(/ready/);
      await until('running tasks', 20_000, async () =>
        (await cluster.view()).workers.some(({ runningTasks }) => runningTasks > 0),
      );
      client.signal('SIGUSR2');
      expect(await client.printed(/(answered|ended with \w+)/)).toBe('ended with 57014');
      await untilIdle(cluster);
    } finally {
      await client.kill();
    }
  });
});

describe('files that are not as they should be', () => {
  test('truncated, unreadable or vanished tables are errors with their path; the others are served', async () => {
    const folder = join(data.directory, '..', `${data.directory}-bad`);
    await mkdir(join(folder, 'late'), { recursive: true });
    const source = join(data.directory, 'good');
    for (const name of ['good.parquet', 'cut.parquet', 'late/0.parquet', 'late/1.parquet']) {
      await copyFile(join(source, 'part-0.parquet'), join(folder, name));
    }
    await truncate(join(folder, 'cut.parquet'), 60);
    await writeFile(join(folder, 'noise.parquet'), 'this is no Parquet file at all');
    await using cluster = await Cluster.start(folder, 2);
    for (const name of ['cut', 'noise']) {
      const error = await errorOf(cluster, `SELECT * FROM ${name}`);
      expect(error.message).toContain(`${name}.parquet`);
      expect(error.sqlState).toMatch(/^(XX001|58030|58P01)$/);
    }
    const before = await cluster.query('SELECT count(*) FROM late');
    expect(before.rows).toEqual([[10n]]);
    await truncate(join(folder, 'late/1.parquet'), 100);
    const cut = await errorOf(cluster, 'SELECT sum(i) FROM late');
    expect(cut.message).toContain('late/1.parquet');
    await unlink(join(folder, 'late/1.parquet'));
    await until('the table of one file', 5_000, async () => {
      const { status, body } = await cluster.post('SELECT count(*) FROM late');
      return status === 200 && JSON.stringify(body.rows) === '[[5]]';
    });
    const { rows } = await cluster.query('SELECT count(*) FROM good');
    expect(rows).toEqual([[5n]]);
  });

  test.each(['flip', 'cut', 'remove'] as const)(
    'a partition is found and made again after: %s',
    async (harm) => {
      await using cluster = await Cluster.start(data.directory, 3);
      const id = await cluster.submit(uneven);
      let done: string[] = [];
      await until('a finished task beside running ones', 60_000, async () => {
        const [first] = (await cluster.tree(id)).stages;
        const attempts = first?.tasks.map(({ attempts: [attempt] }) => attempt?.state) ?? [];
        const finished = attempts.indexOf('finished');
        if (finished < 0) return false;
        expect(attempts, 'too fast for this test').toContain('running');
        done = (await cluster.spooled()).filter((path) => path.includes(`/${id}/${first?.id}.${finished}.`));
        return true;
      });
      expect(done).not.toEqual([]);
      for (const path of done) await damage(path, harm);
      await answerOf(cluster, id, uneven);
      expect((await cluster.info(id)).stats.retries).toBeGreaterThan(0);
    },
  );
});

async function damage(path: string, harm: 'flip' | 'cut' | 'remove'): Promise<void> {
  if (harm === 'remove') return unlink(path);
  const bytes = await readFile(path);
  if (harm === 'cut') return truncate(path, bytes.length >> 1);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 0x10;
  return writeFile(path, bytes);
}
