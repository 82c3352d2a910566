import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Skein, type SqlValue } from '../../src/index.ts';
import { startCoordinator, startWorker } from '../../src/main/index.ts';
import { FakeS3 } from '../support/fake-s3.ts';

const before = { ...process.env };
const closers: (() => Promise<unknown>)[] = [];
let s3: FakeS3;
let skein: Skein;
let addWorker: () => Promise<void>;

beforeAll(async () => {
  const dir = await mkdtemp(join(tmpdir(), 'skein-affinity-'));
  closers.push(() => rm(dir, { recursive: true, force: true }));
  process.env.AWS_ACCESS_KEY_ID = 'AKIATESTTESTTESTTEST';
  process.env.AWS_SECRET_ACCESS_KEY = 'secretsecretsecret';
  s3 = await FakeS3.start();
  closers.push(() => s3.close());
  const options = {
    data: 's3://bucket/house',
    s3: { endpoint: s3.endpoint },
    threads: 1,
    memoryBytes: 256 * 1024 * 1024,
    spoolDir: join(dir, 'spool'),
  };
  const coordinator = await startCoordinator({ ...options, port: 0 });
  closers.push(() => coordinator.close());
  addWorker = async () => {
    const worker = await startWorker({ ...options, coordinator: coordinator.url, drainMs: 0 });
    closers.push(() => worker.close());
    await worker.registered;
  };
  for (let index = 0; index < 3; index += 1) await addWorker();
  skein = await Skein.open({ server: coordinator.url });
  closers.push(() => skein.close());
  for (const [name, clause] of [
    ['plain', ''],
    ['sharded', 'SHARDED BY HASH (k) INTO 6 SHARDS'],
    ['other', 'SHARDED BY HASH (k) INTO 6 SHARDS'],
  ]) {
    await rows(`CREATE TABLE ${name} (k INTEGER, v BIGINT) ${clause}`);
    for (let part = 0; part < (name === 'plain' ? 10 : 2); part += 1) {
      await rows(
        `INSERT INTO ${name} SELECT i, i + ${part} FROM range(${part * 1000}, ${part * 1000 + 1000}) r(i)`,
      );
    }
  }
}, 120_000);

afterAll(async () => {
  process.env = before;
  for (const close of closers.reverse()) await close();
});

async function rows(sql: string): Promise<SqlValue[][]> {
  const result = skein.query(sql, { settings: { local_bypass: 'off' } });
  return (await result.rows({ as: 'arrays' })) as SqlValue[][];
}

/** Requests for data files that a statement causes. */
async function fetches(sql: string): Promise<number> {
  const from = s3.requests.length;
  await rows(sql);
  return s3.requests.slice(from).filter((request) => /^GET .*\.parquet$/.test(request)).length;
}

describe('files on S3 are fetched once by all workers together', () => {
  test.each([
    [
      'of a table without shards',
      'SELECT sum(k), sum(v) FROM plain',
      [
        'SELECT k % 7, sum(v) FROM plain GROUP BY 1',
        'SELECT count(*), max(v) FROM plain WHERE k BETWEEN 2100 AND 4500',
        'SELECT max(v) FROM plain WHERE k = 5500',
      ],
    ],
    [
      'of tables with shards',
      'SELECT sum(s.k), sum(s.v), sum(o.v) FROM sharded s JOIN other o ON s.k = o.k',
      [
        'SELECT k, sum(v) FROM sharded GROUP BY k',
        'SELECT k % 7, sum(v) FROM sharded GROUP BY 1',
        'SELECT max(v) FROM sharded WHERE k = 77',
        'SELECT k, v FROM sharded UNION ALL SELECT k, v FROM other',
      ],
    ],
  ])('%s', async (_, first, others) => {
    expect(await fetches(first)).toBeGreaterThan(0);
    const again = await Promise.all([first, first].map(fetches));
    expect(again).toEqual([0, 0]);
    for (const sql of others) expect(await fetches(sql), sql).toBe(0);
  });

  test('and after a worker has joined only what it took over', async () => {
    const files = (await rows(`SELECT count(*) FROM system.files WHERE table_name = 'sharded'`))[0]?.[0];
    await addWorker();
    const sql = 'SELECT k, sum(v) FROM sharded GROUP BY k';
    const moved = await fetches(sql);
    expect(moved).toBeGreaterThan(0);
    expect(moved).toBeLessThan(Number(files) * 2);
    expect(await fetches(sql)).toBe(0);
  });
});
