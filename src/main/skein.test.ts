import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Skein, startCoordinator, startWorker } from './index.ts';

const tpch = new URL('../../test/data/tpch/sf0.01', import.meta.url).pathname;
const memory = '256MiB';
const distributed = { local_bypass: 'off' };

let spool = '';
const closers: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  spool = await mkdtemp(join(tmpdir(), 'skein-test-'));
});

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  const left = await readdir(spool);
  await rm(spool, { recursive: true, force: true });
  expect(left).toEqual([]);
});

async function open(options: Parameters<typeof Skein.open>[0]): Promise<Skein> {
  const skein = await Skein.open(options);
  closers.push(() => skein.close());
  return skein;
}

function embedded(workers: number): Promise<Skein> {
  return open({ data: tpch, workers, threads: 1, memory, spool });
}

/** A coordinator, with workers that are processes of their own as far as it can tell. */
async function cluster(workers: number, token?: string): Promise<string> {
  const common = { threads: 1, memoryBytes: 256 * 1024 * 1024, spoolDir: spool, token };
  const coordinator = await startCoordinator({ ...common, data: tpch, port: 0 });
  closers.push(() => coordinator.close());
  for (let started = 0; started < workers; started++) {
    const worker = await startWorker({ ...common, coordinator: coordinator.url, drainMs: 0 });
    closers.push(() => worker.close());
    await worker.registered;
  }
  return coordinator.url;
}

/** A value of every type that REST has a spelling for. */
const everyType = `SELECT i, b.* FROM range(3) AS r(i), (SELECT
  true AS bool, 1::TINYINT AS tiny, 9007199254740993 AS big, (-170141183460469231731687303715884105727)::HUGEINT AS huge,
  1.5::FLOAT AS float, 'nan'::DOUBLE AS nan, '-inf'::DOUBLE AS inf, 1234567890.0123456789::DECIMAL(38,10) AS dec,
  DATE '2024-02-29' AS date, TIMESTAMP '2024-02-29 12:34:56.789012' AS ts, INTERVAL '1 month 2 days' AS iv,
  '\\xAA\\x00b'::BLOB AS blob, uuid '6f1b2c3d-0000-4000-8000-000000000001' AS id, '{"a": 1}'::JSON AS json,
  {'a': 1, 'b': [9007199254740993, NULL]} AS struct, map {'k': DATE '2024-01-01'} AS map, [1, 2]::INTEGER[2] AS arr,
  union_value(n := 5) AS u, 'x'::ENUM('x', 'y') AS e, '101'::BIT AS bit, NULL AS nothing,
  'line' || chr(10) || '"quote" ä 🦆' AS text) AS b ORDER BY i`;

const queries = [
  'SELECT * FROM nation ORDER BY n_nationkey',
  'SELECT n_regionkey, count(*), sum(n_nationkey) FROM nation GROUP BY ALL ORDER BY ALL',
  `SELECT c_mktsegment, count(*), sum(o_totalprice) FROM customer JOIN orders ON c_custkey = o_custkey
   GROUP BY c_mktsegment ORDER BY c_mktsegment`,
  'SELECT * FROM nation WHERE false',
  everyType,
];

describe('Skein', () => {
  it('cancels a query whose rows are given up before the first is read', async () => {
    for (const skein of [await embedded(2), await open({ server: await cluster(1) })]) {
      const result = skein.query('SELECT count(*) FROM lineitem a, lineitem b, lineitem c', {
        settings: distributed,
      });
      await result.id();
      await result[Symbol.asyncIterator]().return?.();
      await expect(result.rows()).rejects.toMatchObject({ sqlState: '55000' });
      await expect.poll(async () => (await skein.queries())[0]?.state, { timeout: 10_000 }).toBe('canceled');
    }
  });

  it('gives the same embedded, from a server, and from worker processes', async () => {
    const one = await embedded(1);
    const three = await embedded(3);
    const remote = await open({ server: await cluster(2) });
    for (const skein of [one, remote]) {
      expect(await skein.query("SELECT row(1, 'z') AS pair").rows()).toEqual([{ pair: [1, 'z'] }]);
    }
    for (const sql of queries) {
      const expected = await one.query(sql).rows({ as: 'arrays' });
      const columns = await one.query(sql).columns();
      for (const skein of [three, remote]) {
        const result = skein.query(sql, { settings: distributed });
        expect(await result.columns()).toEqual(columns);
        expect(await result.rows({ as: 'arrays' })).toEqual(expected);
        expect(result.stats()).toMatchObject({ state: 'finished', rows: expected.length });
      }
    }
  });

  it.each(['embedded', 'remote'])('takes parameters and describes what it did (%s)', async (kind) => {
    const skein =
      kind === 'embedded' ? await embedded(2) : await open({ server: await cluster(2, 't'), token: 't' });
    const rows = await skein
      .query('SELECT ? AS a, $2 AS b'.replace('$2', '?'), { params: [2n ** 62n, new Uint8Array([1, 2])] })
      .rows();
    expect(rows).toEqual([{ a: 2n ** 62n, b: new Uint8Array([1, 2]) }]);

    const sql = 'SELECT l_returnflag, count(*) FROM lineitem WHERE l_orderkey > $least GROUP BY ALL';
    const result = skein.query(sql, { params: { least: 100 }, settings: distributed });
    expect(await result.rows()).toHaveLength(3);
    const id = await result.id();
    expect(await skein.get(id)).toMatchObject({ id, sql, state: 'finished', error: undefined });
    expect((await skein.queries()).map((info) => info.id)).toContain(id);
    const tree = await skein.tree(id);
    expect(tree?.stages.length).toBeGreaterThan(1);
    expect(tree?.stages.at(-1)).toMatchObject({ state: 'finished', actualRows: 3 });
    expect(await skein.explain('SELECT count(*) FROM nation')).toContain('nation');
    expect(JSON.parse(await skein.explain('SELECT 1', { format: 'json' }))).toHaveProperty('stages');
    await expect(skein.explain('SELECT nope FROM nation')).rejects.toMatchObject({
      sqlState: '42703',
      position: 7,
    });
    const { workers, tables } = await skein.cluster();
    expect(workers.map(({ state }) => state)).toEqual(['alive', 'alive']);
    expect(tables.map(({ name }) => name)).toContain('main.lineitem');
  });

  it.each(['embedded', 'remote'])('cancels by a signal and leaves nothing behind (%s)', async (kind) => {
    const skein = kind === 'embedded' ? await embedded(2) : await open({ server: await cluster(2) });
    const controller = new AbortController();
    const slow = 'SELECT count(*) FROM lineitem a, lineitem b WHERE a.l_comment < b.l_comment';
    const result = skein.query(slow, { signal: controller.signal, settings: distributed });
    const reading = result.rows();
    reading.catch(() => {});
    const id = await result.id();
    controller.abort();
    await expect(reading).rejects.toMatchObject({ sqlState: '57014' });
    await expect.poll(async () => (await skein.get(id))?.state).toBe('canceled');
    await expect
      .poll(async () => (await skein.cluster()).workers.map(({ runningTasks }) => runningTasks), {
        timeout: 5000,
      })
      .toEqual([0, 0]);
    expect(await skein.query('SELECT 1 AS a').rows()).toEqual([{ a: 1 }]);
  });

  it('closes while queries run', async () => {
    const skein = await embedded(2);
    const slow = skein.query('SELECT count(*) FROM lineitem a, lineitem b WHERE a.l_comment < b.l_comment');
    await slow.id();
    await skein.close();
    await expect(slow.rows()).rejects.toMatchObject({ sqlState: '57014' });
    await expect(skein.query('SELECT 1').rows()).rejects.toMatchObject({ sqlState: '57014' });
    await skein.close();
  });

  it('says what it cannot open', async () => {
    await expect(embedded(1).then(() => open({ data: '/no/such/folder', spool }))).rejects.toMatchObject({
      sqlState: '58P01',
      message: 'the data folder /no/such/folder does not exist',
    });
    const url = await cluster(0);
    const port = Number(new URL(url).port);
    await expect(startCoordinator({ data: tpch, port, spoolDir: spool })).rejects.toMatchObject({
      sqlState: '57P03',
    });
    const remote = await open({ server: url });
    await expect(
      remote.query('SELECT * FROM nation', { settings: distributed }).rows(),
    ).rejects.toMatchObject({
      sqlState: '57P03',
    });
  });
});
