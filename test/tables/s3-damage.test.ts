import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Skein, type SqlValue } from '../../src/index.ts';
import { FakeS3 } from '../support/fake-s3.ts';

const before = { ...process.env };
const never = new Date(0);
let dir: string;
let fake: FakeS3;
let spools = 0;
const open: Skein[] = [];

beforeAll(async () => {
  process.env.AWS_ACCESS_KEY_ID = 'AKIATESTTESTTESTTEST';
  process.env.AWS_SECRET_ACCESS_KEY = 'secretsecretsecret';
  dir = await mkdtemp(join(tmpdir(), 'skein-s3-damage-'));
  fake = await FakeS3.start();
  const skein = await openSkein();
  // Larger than what is fetched with a footer.
  await rowsOf(skein, 'CREATE TABLE big AS SELECT i, hash(i) AS h, hash(i + 1) AS g FROM range(100000) r(i)');
  await rowsOf(skein, 'CREATE TABLE small AS SELECT i FROM range(10) r(i)');
});

afterEach(async () => {
  for (const skein of open.splice(0)) await skein.close();
});

afterAll(async () => {
  await fake.close();
  process.env = before;
  await rm(dir, { recursive: true, force: true });
});

/** With caches of its own, which are empty. */
async function openSkein(): Promise<Skein> {
  spools += 1;
  const skein = await Skein.open({
    data: 's3://bucket/lake',
    s3: { endpoint: fake.endpoint },
    workers: 1,
    threads: 1,
    memory: 256 * 1024 * 1024,
    spool: join(dir, `spool-${spools}`),
  });
  open.push(skein);
  return skein;
}

async function rowsOf(skein: Skein, sql: string): Promise<SqlValue[][]> {
  const settings = { local_bypass: 'off' };
  return (await skein.query(sql, { settings }).rows({ as: 'arrays' })) as SqlValue[][];
}

function dataFileOf(table: string): { readonly key: string; readonly bytes: Buffer; readonly etag: string } {
  for (const [key, { bytes, etag }] of fake.objects) {
    if (key.includes(`/${table}-`) && key.endsWith('.parquet')) return { key, bytes, etag };
  }
  throw new Error(`no data file of ${table}`);
}

function flipped(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}

const put = (key: string, bytes: Buffer, etag: string): void => {
  fake.objects.set(key, { bytes, etag, modified: never, metadata: {} });
};

describe('a data file of a table on S3', () => {
  test('that is another one is an error that names it, also where few of its bytes are read', async () => {
    const warm = await openSkein();
    const sum = [[4999950000n]];
    expect(await rowsOf(warm, 'SELECT sum(i) FROM big')).toEqual(sum);
    const { key, bytes, etag } = dataFileOf('big');
    for (const at of [2000, Math.floor(bytes.length / 2), bytes.length - 200]) {
      put(key, flipped(bytes, at), '"other"');
      const damaged = { sqlState: 'XX001', message: expect.stringContaining(`s3://bucket/${key}`) as string };
      const skein = await openSkein();
      for (const sql of ['SELECT sum(i) FROM big', 'SELECT max(g) > 0 FROM big']) {
        await expect(rowsOf(skein, sql)).rejects.toMatchObject(damaged);
      }
      // What was fetched before goes on being right.
      expect(await rowsOf(warm, 'SELECT sum(i) FROM big')).toEqual(sum);
      put(key, bytes, etag);
      expect(await rowsOf(skein, 'SELECT sum(i) FROM big')).toEqual(sum);
    }
  });

  test('that says it is the same is found out where all of it is read', async () => {
    const { key, bytes, etag } = dataFileOf('small');
    put(key, flipped(bytes, 20), etag);
    const skein = await openSkein();
    await expect(rowsOf(skein, 'SELECT sum(i) FROM small')).rejects.toMatchObject({
      sqlState: 'XX001',
      message: expect.stringContaining(`s3://bucket/${key}`) as string,
    });
    put(key, bytes, etag);
    expect(await rowsOf(skein, 'SELECT sum(i) FROM small')).toEqual([[45n]]);
  });

  test('that was copied is as good as the first one', async () => {
    const { key, bytes, etag } = dataFileOf('big');
    put(key, bytes, '"copy-2"');
    const skein = await openSkein();
    for (const column of ['i', 'h', 'g']) {
      expect(await rowsOf(skein, `SELECT count(DISTINCT ${column}) FROM big`)).toEqual([[100000n]]);
    }
    const requests = fake.requests.filter((request) => request === `GET ${key}`).length;
    expect(await rowsOf(skein, 'SELECT sum(i) FROM big')).toEqual([[4999950000n]]);
    expect(fake.requests.filter((request) => request === `GET ${key}`).length).toBe(requests);
    put(key, bytes, etag);
  });
});
