import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Skein, type SqlValue } from '../../src/index.ts';
import { FakeS3 } from '../support/fake-s3.ts';
import { uploadFolder } from '../support/s3-servers.ts';

const before = { ...process.env };
const rows = 40_000;
let dir: string;
let fake: FakeS3;
let local: Skein;
let remote: Skein;

beforeAll(async () => {
  process.env.AWS_ACCESS_KEY_ID = 'AKIATESTTESTTESTTEST';
  process.env.AWS_SECRET_ACCESS_KEY = 'secretsecretsecret';
  dir = await mkdtemp(join(tmpdir(), 'skein-row-groups-'));
  await mkdir(join(dir, 'data'));
  const instance = await DuckDBInstance.create(':memory:');
  const duckdb = await instance.connect();
  await duckdb.run(
    `COPY (${typed}) TO '${join(dir, 'data', 'typed.parquet')}' (FORMAT parquet, ROW_GROUP_SIZE 4096)`,
  );
  duckdb.closeSync();
  instance.closeSync();
  fake = await FakeS3.start();
  await uploadFolder(
    { endpoint: fake.endpoint, bucket: 'bucket', close: async () => {} },
    join(dir, 'data'),
    's3://bucket/lake',
  );
  const options = { workers: 2, threads: 1, memory: 256 * 1024 * 1024 };
  local = await Skein.open({ ...options, data: join(dir, 'data'), spool: join(dir, 'local') });
  const s3 = { endpoint: fake.endpoint };
  remote = await Skein.open({ ...options, data: 's3://bucket/lake', s3, spool: join(dir, 'remote') });
});

afterAll(async () => {
  await local.close();
  await remote.close();
  await fake.close();
  process.env = before;
  await rm(dir, { recursive: true, force: true });
});

/** Values that follow the rows' order, each of whose row groups has another range; some of them NULL. */
const typed = `
  SELECT i, i > 20000 AS bool, (i // 300)::TINYINT AS small, i::UBIGINT * 100000000000000 AS big,
    DATE '1960-01-01' + (i // 10)::INTEGER AS day, TIMESTAMP '1969-12-31 20:00:00.000001' + INTERVAL (i) SECOND AS moment,
    TIMESTAMPTZ '2020-01-01 00:00:00+00' + INTERVAL (i) MINUTE AS zoned, printf('%06d', i) || 'ä' AS text,
    (i / 7)::DECIMAL(12, 3) AS amount, CASE WHEN i = 15000 THEN 'NaN'::DOUBLE ELSE i / 3 END AS num,
    CASE WHEN i BETWEEN 9000 AND 20000 THEN NULL ELSE i END AS gaps,
    {'i': -i, 'text': 'x'} AS nested, hash(i) AS noise
  FROM (SELECT (i % 30000) AS i FROM range(${rows}) r(i)) ORDER BY ALL`;

const predicates = [
  ...['<', '<=', '=', '>=', '>', '<>'].flatMap((op) => [
    `i ${op} 12345`,
    `small ${op} 41`,
    `big ${op} 1234500000000000000`,
    `day ${op} DATE '1961-06-01'`,
    `moment ${op} TIMESTAMP '1970-01-01 00:00:00.000001'`,
    `zoned ${op} TIMESTAMPTZ '2020-01-10 00:00:00+00'`,
    `text ${op} '012345ä'`,
    `amount ${op} 1763.571`,
    `num ${op} 4115`,
    `gaps ${op} 20001`,
    `nested.i ${op} -12345`,
  ]),
  'bool',
  'NOT bool',
  'gaps IS NULL',
  'gaps IS NOT NULL AND i < 10000',
  "num = 'NaN'::DOUBLE",
  `text LIKE '0291%'`,
  'i IN (3, 15000, 29999)',
  'i < 10 OR i > 29990',
  'i BETWEEN 5000 AND 5010 AND amount > 0',
  "i::VARCHAR = '777'",
  "moment::DATE = DATE '1970-01-01'",
  'i + 1 = 500',
];

async function rowsOf(skein: Skein, sql: string): Promise<SqlValue[][]> {
  const settings = { local_bypass: 'off' };
  return (await skein.query(sql, { settings }).rows({ as: 'arrays' })) as SqlValue[][];
}

async function compare(table: string): Promise<void> {
  for (const predicate of predicates) {
    const sql = `SELECT count(*), sum(i), max(text), sum(hash(noise)) FROM ${table} WHERE ${predicate}`;
    expect(await rowsOf(remote, sql), predicate).toEqual(await rowsOf(local, sql));
  }
}

describe('row groups of remote files', () => {
  test('are fetched where their rows may be wanted, and answers are those of local files', async () => {
    await rowsOf(remote, 'SELECT 1 FROM typed LIMIT 0');
    const size = fake.objects.get('lake/typed.parquet')?.bytes.length ?? 0;
    const sent = fake.sentBytes;
    expect(await rowsOf(remote, `SELECT count(*), max(noise) > 0 FROM typed WHERE i = 12345`)).toEqual([
      [1n, true],
    ]);
    expect(fake.sentBytes - sent).toBeLessThan(size / 5);
    await compare('typed');
  }, 120_000);

  test('of tables with deleted rows, too', async () => {
    for (const skein of [local, remote]) {
      await rowsOf(
        skein,
        `CREATE TABLE delta WITH ('delta.enableDeletionVectors' = 'true') AS SELECT * FROM typed ORDER BY i`,
      );
      await rowsOf(skein, 'DELETE FROM delta WHERE i % 3 = 0 OR i BETWEEN 12340 AND 12350');
    }
    await compare('delta');
    expect(await rowsOf(remote, 'SELECT count(*), sum(i) FROM delta')).toEqual(
      await rowsOf(local, 'SELECT count(*), sum(i) FROM delta'),
    );
  }, 120_000);
});
