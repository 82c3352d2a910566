import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Skein, type SqlValue } from '../../src/index.ts';
import { startCoordinator, startWorker } from '../../src/main/index.ts';
import { type S3Server, s3Servers } from '../support/s3-servers.ts';

const off = { local_bypass: 'off' };
const memoryBytes = 256 * 1024 * 1024;
const secret = 'secretsecretsecret';

let dir: string;
const before = { ...process.env };
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skein-s3-'));
  process.env.AWS_ACCESS_KEY_ID = 'AKIATESTTESTTESTTEST';
  process.env.AWS_SECRET_ACCESS_KEY = secret;
});

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

afterAll(async () => {
  process.env = before;
  await rm(dir, { recursive: true, force: true });
});

async function rowsOf(skein: Skein, sql: string): Promise<SqlValue[][]> {
  return (await skein.query(sql, { settings: off }).rows({ as: 'arrays' })) as SqlValue[][];
}

describe.each(s3Servers)('a warehouse on $name', ({ start, skip }) => {
  let store: S3Server;
  beforeAll(async () => {
    if (!skip) store = await start();
  });
  afterAll(async () => {
    if (!skip) await store.close();
  });

  const common = () => ({
    data: `s3://${store.bucket}/lake/house`,
    s3: { endpoint: store.endpoint },
    threads: 1,
  });

  async function embedded(workers: number): Promise<Skein> {
    const skein = await Skein.open({ ...common(), workers, memory: memoryBytes, spool: join(dir, 'spool') });
    closers.push(() => skein.close());
    return skein;
  }

  test.skipIf(skip)('is made, changed, read by two engines, and there after a restart', async () => {
    const [first, second] = [await embedded(2), await embedded(1)];
    await rowsOf(
      first,
      `CREATE TABLE t PARTITIONED BY (p) AS SELECT i AS k, i % 3 AS p, 'x' || i AS s FROM range(3000) r(i)`,
    );
    expect(await rowsOf(second, 'SELECT p, count(*) FROM t GROUP BY p ORDER BY p')).toEqual([
      [0n, 1000n],
      [1n, 1000n],
      [2n, 1000n],
    ]);
    expect(await rowsOf(second, `INSERT INTO t VALUES (9000, 7, 'new')`)).toEqual([[1n]]);
    expect(await rowsOf(first, `UPDATE t SET s = 'changed' WHERE k < 10`)).toEqual([[10n]]);
    expect(await rowsOf(first, 'DELETE FROM t WHERE p = 2')).toEqual([[1000n]]);
    const expected = [[2001n, 10n]];
    const sql = `SELECT count(*), count(*) FILTER (s = 'changed') + 3 FROM t`;
    expect(await rowsOf(second, sql)).toEqual(expected);
    expect(await rowsOf(second, 'SELECT count(*) FROM t AT (VERSION => 0)')).toEqual([[3000n]]);
    await expect(rowsOf(first, 'CREATE TABLE t (a INTEGER)')).rejects.toMatchObject({ sqlState: '42P07' });
    const { workers } = await first.cluster();
    expect(workers.some((worker) => worker.tableCacheBytes > 0 && worker.tableCacheMisses > 0)).toBe(true);
    for (const close of closers.splice(0).reverse()) await close();
    const third = await embedded(1);
    expect(await rowsOf(third, sql)).toEqual(expected);
    await rowsOf(third, 'DROP TABLE t');
    await expect(rowsOf(third, 'SELECT 1 FROM t')).rejects.toMatchObject({ sqlState: '42P01' });
  });

  test.skipIf(skip)('is read and written by worker processes, whose caches last', async () => {
    const cache = join(dir, 'cache');
    const open = async (workers: number): Promise<Skein> => {
      const options = { ...common(), memoryBytes, spoolDir: join(dir, 'spool') };
      const coordinator = await startCoordinator({ ...options, port: 0 });
      closers.push(() => coordinator.close());
      for (let index = 0; index < workers; index += 1) {
        const tableCache = { folder: cache, maxBytes: 64 * 1024 * 1024 };
        const worker = await startWorker({
          ...options,
          coordinator: coordinator.url,
          tableCache,
          drainMs: 0,
        });
        closers.push(() => worker.close());
        await worker.registered;
      }
      const skein = await Skein.open({ server: coordinator.url });
      closers.push(() => skein.close());
      return skein;
    };
    const skein = await open(2);
    await rowsOf(skein, 'CREATE TABLE big AS SELECT i AS k, hash(i) AS h FROM range(20000) r(i)');
    const sum = 'SELECT count(*), sum(k) FROM big';
    expect(await rowsOf(skein, sum)).toEqual([[20000n, 199990000n]]);
    // Workers tell of their caches with every heartbeat.
    const hits = async (of: Skein): Promise<number> =>
      (await of.cluster()).workers.reduce((all, each) => all + each.tableCacheHits, 0);
    for (const close of closers.splice(0).reverse()) await close();
    expect((await readdir(cache)).sort()).toEqual(['0', '1']);
    const again = await open(1);
    await rowsOf(again, sum);
    expect(await rowsOf(again, sum)).toEqual([[20000n, 199990000n]]);
    await expect.poll(() => hits(again), { timeout: 15_000 }).toBeGreaterThan(0);
    await rowsOf(again, 'DROP TABLE big');
  });

  test.skipIf(skip)('keeps its secrets', async () => {
    const skein = await embedded(1);
    const bad = await Skein.open({
      ...common(),
      data: 's3://no-such-bucket-here/x',
      spool: join(dir, 'spool'),
    });
    closers.push(() => bad.close());
    await rowsOf(skein, 'CREATE TABLE small AS SELECT 1 AS a');
    const texts = [
      await skein.explain('SELECT * FROM small', { analyze: true, format: 'json' }),
      JSON.stringify(await skein.cluster()),
      String(await rowsOf(bad, 'SELECT * FROM none').catch((error: unknown) => error)),
      String(
        await rowsOf(skein, `CREATE TABLE e LOCATION 's3://k:${secret}@else/where'`).catch(
          (error: unknown) => error,
        ),
      ),
    ];
    for (const text of texts) expect(text).not.toMatch(new RegExp(`${secret}|AKIA`));
    await rowsOf(skein, 'DROP TABLE small');
  });
});
