import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Skein, type SqlValue } from '../../src/index.ts';
import { FakeS3 } from '../support/fake-s3.ts';
import { writePlainFiles } from '../support/plain-files.ts';
import { type S3Server, s3Servers, uploadFolder } from '../support/s3-servers.ts';

const memory = 256 * 1024 * 1024;
const secret = 'secretsecretsecret';
const before = { ...process.env };
let dir: string;
let local: Skein;

beforeAll(async () => {
  process.env.AWS_ACCESS_KEY_ID = 'AKIATESTTESTTESTTEST';
  process.env.AWS_SECRET_ACCESS_KEY = secret;
  dir = await mkdtemp(join(tmpdir(), 'skein-s3-files-'));
  await writePlainFiles(join(dir, 'data'));
  local = await Skein.open({
    data: join(dir, 'data'),
    workers: 2,
    threads: 1,
    memory,
    spool: join(dir, 'l'),
  });
});

afterAll(async () => {
  await local.close();
  process.env = before;
  await rm(dir, { recursive: true, force: true });
});

const queries = [
  'SELECT count(*), sum(i), max(s), sum(l[1]) FROM nums',
  'SELECT g, count(*), min(i) FROM nums WHERE i BETWEEN 30000 AND 30100 GROUP BY g ORDER BY g',
  'SELECT s, w3 FROM nums ORDER BY i DESC LIMIT 5',
  'SELECT k, p, count(*), sum(i) FROM hive GROUP BY ALL ORDER BY ALL',
  'SELECT count(*) FROM hive WHERE k = 2',
  'SELECT * FROM people ORDER BY id LIMIT 3',
  'SELECT count(*), sum(id), min(day), max(name) FROM zipped',
  'SELECT count(*), sum(id), max(name) FROM tabs',
  'SELECT count(*), sum(id), max(name) FROM lines',
  'SELECT count(*), sum(id), max(name) FROM "array"',
  'SELECT y, a FROM texts ORDER BY y',
  'SELECT count(*) FROM people p JOIN nums n ON n.i = p.id JOIN zipped z ON z.id = p.id',
  'SELECT table_name, column_name, data_type FROM information_schema.columns ORDER BY ALL',
];

async function rowsOf(skein: Skein, sql: string, bypass = 'off'): Promise<SqlValue[][]> {
  const settings = { local_bypass: bypass };
  return (await skein.query(sql, { settings }).rows({ as: 'arrays' })) as SqlValue[][];
}

describe.each(s3Servers)('plain files on $name', ({ start, skip }) => {
  let server: S3Server;
  let skein: Skein;

  beforeAll(async () => {
    if (skip) return;
    server = await start();
    await uploadFolder(server, join(dir, 'data'), `s3://${server.bucket}/lake`);
    skein = await Skein.open({
      data: `s3://${server.bucket}/lake`,
      s3: { endpoint: server.endpoint },
      externalRoots: [`s3://${server.bucket}/more`, `s3://${server.bucket}/lake`],
      workers: 2,
      threads: 1,
      memory,
      spool: join(dir, server.endpoint.replace(/\W/g, '')),
    });
  });

  afterAll(async () => {
    if (skip) return;
    await skein.close();
    await server.close();
  });

  test.skipIf(skip)('are tables as those of a local folder are', async () => {
    for (const sql of queries) {
      const expected = await rowsOf(local, sql);
      expect(await rowsOf(skein, sql), sql).toEqual(expected);
      expect(await rowsOf(skein, sql, 'auto'), sql).toEqual(expected);
    }
  });
});

describe('a plain file on S3', () => {
  let fake: FakeS3;
  let skein: Skein;
  const location = 's3://bucket/lake';

  beforeAll(async () => {
    fake = await FakeS3.start();
    await uploadFolder(
      { endpoint: fake.endpoint, bucket: 'bucket', close: async () => {} },
      join(dir, 'data'),
      location,
    );
    const s3 = { endpoint: fake.endpoint };
    const externalRoots = ['s3://bucket/more'];
    skein = await Skein.open({
      data: location,
      s3,
      externalRoots,
      workers: 2,
      threads: 1,
      memory,
      spool: join(dir, 'f'),
    });
  });

  afterAll(async () => {
    await skein.close();
    await fake.close();
  });

  async function replace(key: string, select: string, options: string): Promise<void> {
    const instance = await DuckDBInstance.create(':memory:');
    const duckdb = await instance.connect();
    const file = join(dir, 'new');
    await duckdb.run(`COPY (${select}) TO '${file}' (${options})`);
    duckdb.closeSync();
    instance.closeSync();
    put(key, await readFile(file));
  }

  function put(key: string, bytes: Buffer): void {
    const etag = `"${createHash('md5').update(bytes).digest('hex')}"`;
    fake.objects.set(key, { bytes, etag, modified: new Date(), metadata: {} });
  }

  /** Called before each request is answered. */
  function onRequest(hook: (call: { readonly method: string; readonly key: string }) => void): void {
    fake.inject({ kind: 'silence', applied: false }, (call) => {
      hook(call);
      return false;
    });
  }

  test('is fetched by columns', async () => {
    const size = (key: string): number => fake.objects.get(key)?.bytes.length ?? 0;
    const all = [0, 1, 2].reduce((sum, part) => sum + size(`lake/nums/${part}.parquet`), 0);
    await rowsOf(skein, 'SELECT 1 FROM nums LIMIT 0');
    const before = fake.sentBytes;
    expect(await rowsOf(skein, 'SELECT sum(i), max(w5) > 0 FROM nums')).toEqual([[1799970000n, true]]);
    expect(fake.sentBytes - before).toBeLessThan(all / 3);
  });

  test('is a table that a statement names', async () => {
    for (const [key, { bytes }] of [...fake.objects]) put(key.replace(/^lake/, 'more'), bytes);
    await rowsOf(skein, `CREATE TABLE e1 LOCATION 's3://bucket/more/people.csv'`);
    await rowsOf(skein, `CREATE TABLE e2 LOCATION 's3://bucket/more/hive' FORMAT parquet`);
    await rowsOf(skein, `CREATE TABLE e3 LOCATION 's3://bucket/more/lines' FORMAT json`);
    expect(await rowsOf(skein, 'SELECT count(*) FROM e1 JOIN e2 ON id = i JOIN e3 USING (id)')).toEqual([
      [30n],
    ]);
    await expect(rowsOf(skein, `CREATE TABLE e4 LOCATION 's3://bucket/other/x.csv'`)).rejects.toMatchObject({
      sqlState: '42501',
    });
    await expect(rowsOf(skein, `CREATE TABLE e4 LOCATION 's3://bucket/more/none.csv'`)).rejects.toMatchObject(
      {
        sqlState: '58P01',
        message: expect.stringContaining('s3://bucket/more/none.csv') as string,
      },
    );
    for (const table of ['e1', 'e2', 'e3']) await rowsOf(skein, `DROP TABLE ${table}`);
    expect(fake.objects.has('more/people.csv')).toBe(true);
  });

  test('that changes while a query runs is read in one version', async () => {
    // Larger than what is fetched with a footer.
    const moving = (value: number): string =>
      `SELECT ${value} AS a, hash(i) AS f, ${value} AS b, hash(i + 1) AS g, hash(i + 2) AS h FROM range(100000) r(i)`;
    await replace('lake/moving.parquet', moving(1), 'FORMAT parquet');
    expect(await rowsOf(skein, 'SELECT sum(a) FROM moving')).toEqual([[100000n]]);
    await replace('lake/next.parquet', moving(2), 'FORMAT parquet');
    const bytes = fake.objects.get('lake/next.parquet')?.bytes ?? Buffer.alloc(0);
    fake.objects.delete('lake/next.parquet');
    let changed = 0;
    onRequest(({ method, key }) => {
      if (method !== 'GET' || key !== 'lake/moving.parquet' || changed > 0) return;
      changed += 1;
      put(key, bytes);
    });
    expect(await rowsOf(skein, 'SELECT sum(a), sum(b) FROM moving')).toEqual([[200000n, 200000n]]);
    expect(changed).toBe(1);
    fake.stopFaults();
    // A file that never stays the same is an error.
    let version = 0;
    onRequest(({ method, key }) => {
      if (method !== 'GET' || key !== 'lake/moving.parquet') return;
      version += 1;
      fake.objects.set(key, { bytes, etag: `"v${version}"`, modified: new Date(), metadata: {} });
    });
    fake.objects.set('lake/moving.parquet', { bytes, etag: '"v0"', modified: new Date(), metadata: {} });
    const outcome = (): Promise<unknown> =>
      rowsOf(skein, 'SELECT sum(a), sum(b) FROM moving').catch((error: unknown) => error);
    // The listing of a moment ago may serve a query.
    await expect.poll(outcome).toMatchObject({
      sqlState: '58030',
      message: expect.stringContaining('s3://bucket/lake/moving.parquet') as string,
    });
    fake.stopFaults();
    fake.objects.delete('lake/moving.parquet');
  });

  test('that is damaged or gone is named', async () => {
    const good = fake.objects.get('lake/nums/1.parquet')?.bytes ?? Buffer.alloc(0);
    const broken = Buffer.from(good);
    broken.fill(0xff, 4, 60_000);
    put('lake/hurt.parquet', broken);
    put('lake/torn.parquet', good.subarray(0, good.length - 10));
    put('lake/text.csv', Buffer.from(`a,b\n${'1,2\n'.repeat(30_000)}x,y\n`));
    put('lake/nogzip.jsonl.gz', Buffer.from('no gzip'));
    const files = { hurt: 'hurt.parquet', torn: 'torn.parquet', text: 'text.csv', nogzip: 'nogzip.jsonl.gz' };
    for (const [table, file] of Object.entries(files)) {
      await expect
        .poll(() => rowsOf(skein, `SELECT * FROM ${table}`).catch(String))
        .toContain(`${location}/${file}`);
      const error = await rowsOf(skein, `SELECT * FROM ${table}`).catch((caught: unknown) => caught);
      expect(error, table).toMatchObject({
        sqlState: expect.stringMatching(/XX001|22P02|22000|58030/) as string,
      });
      expect(String(error)).not.toContain(dir);
      fake.objects.delete(`lake/${file}`);
    }
  });
});
