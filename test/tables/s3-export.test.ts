import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Skein, type SqlValue } from '../../src/index.ts';
import { FakeS3 } from '../support/fake-s3.ts';
import { type S3Server, s3Servers } from '../support/s3-servers.ts';

const before = { ...process.env };
let dir: string;

beforeAll(async () => {
  process.env.AWS_ACCESS_KEY_ID = 'AKIATESTTESTTESTTEST';
  process.env.AWS_SECRET_ACCESS_KEY = 'secretsecretsecret';
  dir = await mkdtemp(join(tmpdir(), 'skein-s3-export-'));
});

afterAll(async () => {
  process.env = before;
  await rm(dir, { recursive: true, force: true });
});

async function openSkein({ bucket, endpoint }: S3Server): Promise<Skein> {
  const skein = await Skein.open({
    data: `s3://${bucket}/lake`,
    externalRoots: [`s3://${bucket}/out`],
    s3: { endpoint },
    workers: 2,
    threads: 1,
    memory: 256 * 1024 * 1024,
    spool: join(dir, `spool-${endpoint.replace(/\W/g, '')}`),
  });
  await rowsOf(skein, 'CREATE TABLE many AS SELECT i, hash(i)::VARCHAR AS s FROM range(0) r(i)');
  for (const first of [0, 5000]) {
    await rowsOf(
      skein,
      `INSERT INTO many SELECT i, hash(i)::VARCHAR FROM range(${first}, ${first + 5000}) r(i)`,
    );
  }
  return skein;
}

async function rowsOf(skein: Skein, sql: string): Promise<SqlValue[][]> {
  const settings = { local_bypass: 'off' };
  return (await skein.query(sql, { settings }).rows({ as: 'arrays' })) as SqlValue[][];
}

describe.each(s3Servers)('COPY TO on $name', ({ start, skip }) => {
  test.skipIf(skip)('writes files and folders that come back', async () => {
    const server = await start();
    const skein = await openSkein(server);
    try {
      const out = `s3://${server.bucket}/out`;
      const sum = (table: string): Promise<SqlValue[][]> =>
        rowsOf(skein, `SELECT count(*), count(DISTINCT i), sum(i) FROM ${table}`);
      for (const [name, format] of [
        ['one.parquet', 'parquet'],
        ['one.csv.gz', 'csv'],
        ['parts_p', 'parquet'],
        ['parts_c', 'csv'],
        ['parts_j', 'json'],
      ] as const) {
        expect(
          await rowsOf(skein, `COPY (FROM many ORDER BY i) TO '${out}/${name}' (FORMAT ${format})`),
          name,
        ).toEqual([[10000n]]);
        const table = `t_${name.replace(/\W/g, '_')}`;
        await rowsOf(skein, `CREATE TABLE ${table} LOCATION '${out}/${name}' FORMAT ${format}`);
        expect(await sum(table), name).toEqual([[10000n, 10000n, 49995000n]]);
      }
      await rowsOf(
        skein,
        `COPY (SELECT *, i % 3 AS p FROM many) TO 'divided' (FORMAT parquet, PARTITION_BY (p))`,
      );
      expect(await sum('divided')).toEqual([[10000n, 10000n, 49995000n]]);
      expect(await rowsOf(skein, 'SELECT count(*) FROM divided WHERE p = 0')).toEqual([[3334n]]);
      await expect(rowsOf(skein, `COPY many TO 'divided' (FORMAT csv)`)).rejects.toMatchObject({
        sqlState: '42710',
      });
      await expect(rowsOf(skein, `COPY many TO 's3://${server.bucket}/else/x.csv'`)).rejects.toMatchObject({
        sqlState: '42501',
      });
    } finally {
      await skein.close();
      await server.close();
    }
  });
});

test('a COPY TO that fails leaves nothing', async () => {
  const fake = await FakeS3.start();
  const skein = await openSkein({ endpoint: fake.endpoint, bucket: 'bucket', close: () => fake.close() });
  try {
    const left = (): string[] => [...fake.objects.keys()].filter((key) => key.startsWith('out/'));
    const failing = `SELECT CASE WHEN i = 9000 THEN error('no') ELSE i END AS i, s FROM many`;
    for (const target of ['out/x.csv', 'out/folder']) {
      await expect(
        rowsOf(skein, `COPY (${failing}) TO 's3://bucket/${target}' (FORMAT csv)`),
      ).rejects.toThrow('no');
      await expect.poll(left).toEqual([]);
    }
    // The second file cannot be put.
    let puts = 0;
    const denied = { kind: 'status', status: 403, code: 'AccessDenied' } as const;
    fake.inject(denied, ({ method, key }) => method === 'PUT' && key.startsWith('out/') && ++puts > 1, 100);
    await expect(rowsOf(skein, `COPY many TO 's3://bucket/out/folder' (FORMAT csv)`)).rejects.toMatchObject({
      sqlState: '42501',
    });
    expect(puts).toBeGreaterThan(1);
    await expect.poll(left).toEqual([]);
    expect(fake.uploads.size).toBe(0);
  } finally {
    await skein.close();
    await fake.close();
  }
});
