import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Skein, type SqlValue } from '../../src/index.ts';
import { type CoordinatorServer, startCoordinator } from '../../src/main/index.ts';
import { FakeS3 } from '../support/fake-s3.ts';
import { writePlainFiles } from '../support/plain-files.ts';
import { type S3Server, s3Servers, uploadFolder } from '../support/s3-servers.ts';

const secret = 'secretsecretsecret';
const before = { ...process.env };
let dir: string;

beforeAll(async () => {
  process.env.AWS_ACCESS_KEY_ID = 'AKIATESTTESTTESTTEST';
  process.env.AWS_SECRET_ACCESS_KEY = secret;
  dir = await mkdtemp(join(tmpdir(), 'skein-s3-load-'));
  await writePlainFiles(join(dir, 'data'));
});

afterAll(async () => {
  process.env = before;
  await rm(dir, { recursive: true, force: true });
});

async function openServer({ bucket, endpoint }: S3Server): Promise<CoordinatorServer> {
  return await startCoordinator({
    data: `s3://${bucket}/lake`,
    externalRoots: [`s3://${bucket}/in`, 's3://skein-no-such-bucket/in'],
    s3: { endpoint },
    workers: 2,
    threads: 1,
    memoryBytes: 256 * 1024 * 1024,
    spoolDir: join(dir, `spool-${endpoint.replace(/\W/g, '')}`),
    port: 0,
  });
}

async function rowsOf(skein: Skein, sql: string): Promise<SqlValue[][]> {
  const settings = { local_bypass: 'off' };
  return (await skein.query(sql, { settings }).rows({ as: 'arrays' })) as SqlValue[][];
}

describe.each(s3Servers)('rows of files on $name', ({ start, skip }) => {
  let s3: S3Server;
  let server: CoordinatorServer;
  let skein: Skein;
  let root: string;

  beforeAll(async () => {
    if (skip) return;
    s3 = await start();
    root = `s3://${s3.bucket}/in`;
    await uploadFolder(s3, join(dir, 'data'), root);
    server = await openServer(s3);
    skein = await Skein.open({ server: server.url });
  });

  afterAll(async () => {
    if (skip) return;
    await skein.close();
    await server.close();
    await s3.close();
  });

  test.skipIf(skip)('are copied into a table', async () => {
    await rowsOf(skein, 'CREATE TABLE people (id BIGINT, name VARCHAR, day DATE)');
    const files = {
      'people.csv': 3000n,
      'zipped.csv.gz': 3000n,
      'tabs.tsv': 3000n,
      'lines/1.jsonl': 3000n,
      'lines/2.jsonl.zst': 3000n,
      'array.json': 3000n,
      'lines/*': 6000n,
      '**/*.jsonl': 3000n,
    };
    for (const [file, rows] of Object.entries(files)) {
      expect(
        await rowsOf(
          skein,
          `COPY people FROM '${root}/${file}' (FORMAT ${file.includes('sv') ? 'csv' : 'json'})`,
        ),
        file,
      ).toEqual([[rows]]);
    }
    expect(await rowsOf(skein, 'SELECT count(*), count(DISTINCT (id, name, day)) FROM people')).toEqual([
      [27000n, 3000n],
    ]);
    await rowsOf(skein, 'CREATE TABLE small (i BIGINT, s VARCHAR)');
    expect(await rowsOf(skein, `COPY small FROM '${root}/hive/k=[12]/*/x.parquet'`)).toEqual([[15n]]);
    expect(await rowsOf(skein, 'SELECT count(*), sum(i), max(s) FROM small')).toEqual([[15n, 55n, '9']]);
  });

  test.skipIf(skip)('are loaded by path, a table made of them', async () => {
    expect(
      await skein.load('loaded', `${root}/nums/*.parquet`, { onServer: true, create: true }),
    ).toMatchObject([{ rows: 60000 }]);
    expect(await rowsOf(skein, 'SELECT count(*), sum(i), max(s) FROM loaded')).toEqual([
      [60000n, 1799970000n, 'text 9999'],
    ]);
    const key = { onServer: true, create: true, idempotencyKey: 'once' };
    const both = [`${root}/people.csv`, `${root}/zipped.csv.gz`];
    expect(await skein.load('keyed', both, key)).toMatchObject([{ rows: 6000, duplicate: false }]);
    expect(await skein.load('keyed', both, key)).toMatchObject([{ rows: 6000, duplicate: true }]);
    const request = { table: 'posted', create: true, paths: [`${root}/lines/*.jsonl*`] };
    const answer = await fetch(`${server.url}/data/load`, {
      method: 'POST',
      body: JSON.stringify(request),
      headers: { 'content-type': 'application/json' },
    });
    expect(await answer.json()).toMatchObject({ table: 'main.posted', rows: 6000 });
  });

  test.skipIf(skip)('that are not there are told from buckets that are not', async () => {
    await rowsOf(skein, 'CREATE TABLE IF NOT EXISTS people (id BIGINT, name VARCHAR, day DATE)');
    for (const file of ['none.csv', 'none*.csv', 'lines/none/**/*.csv']) {
      await expect(rowsOf(skein, `COPY people FROM '${root}/${file}'`)).rejects.toMatchObject({
        sqlState: '58P01',
        message: expect.stringContaining(`${root}/${file}`) as string,
      });
    }
    const elsewhere = 's3://skein-no-such-bucket/in/*.csv';
    const failing = s3.bucket === 'bucket' ? undefined : rowsOf(skein, `COPY people FROM '${elsewhere}'`);
    // The fake one has any bucket.
    if (failing === undefined) return;
    await expect(failing).rejects.toMatchObject({
      sqlState: '58P01',
      message: expect.stringContaining('no such bucket') as string,
      hint: expect.stringContaining('--s3-endpoint') as string,
    });
  });
});

test('wrong credentials are told, and what to do about them', async () => {
  const fake = await FakeS3.start();
  const s3: S3Server = { endpoint: fake.endpoint, bucket: 'bucket', close: () => fake.close() };
  const server = await openServer(s3);
  const skein = await Skein.open({ server: server.url });
  try {
    await rowsOf(skein, 'CREATE TABLE t (a BIGINT)');
    for (const code of ['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'AccessDenied']) {
      const denied = { kind: 'status', status: 403, code } as const;
      fake.inject(
        denied,
        ({ key, query }) => key.startsWith('in/') || query.get('prefix')?.startsWith('in/') === true,
        9,
      );
      for (const sql of [`COPY t FROM 's3://bucket/in/a.csv'`, `COPY t FROM 's3://bucket/in/*.csv'`]) {
        const error = (await rowsOf(skein, sql).catch((caught: unknown) => caught)) as Error;
        expect(error).toMatchObject({
          sqlState: '42501',
          message: expect.stringContaining('(403 ') as string,
          hint: expect.stringContaining('AWS_ACCESS_KEY_ID') as string,
        });
        expect(JSON.stringify({ ...error, message: error.message })).not.toMatch(/AKIA|secretsecret/);
      }
      fake.stopFaults();
    }
  } finally {
    await skein.close();
    await server.close();
    await fake.close();
  }
});
