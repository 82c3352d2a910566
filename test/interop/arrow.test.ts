import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Skein, type SqlValue } from '../../src/index.ts';
import { bareDuckDb } from '../support/bare-duckdb.ts';

const fixtures = new URL('./fixtures/arrow/', import.meta.url).pathname;
const writer = new URL('./fixtures/write_arrow.py', import.meta.url).pathname;

/** A Python that has the package `pyarrow`: SKEIN_PYTHON, or the one in the path. */
const python = [process.env.SKEIN_PYTHON, 'python3'].find((command) => {
  if (command === undefined) return false;
  try {
    execFileSync(command, ['-c', 'import pyarrow'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

let dir: string;
let skein: Skein;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skein-arrow-'));
  await mkdir(join(dir, 'data', '_in'), { recursive: true });
  await cp(join(fixtures, 'types.parquet'), join(dir, 'data', '_in', 'types.parquet'));
  skein = await Skein.open({
    data: join(dir, 'data'),
    workers: 2,
    spool: join(dir, 'spool'),
    threads: 1,
    memory: '256MiB',
  });
});

afterAll(async () => {
  await skein.close();
  expect(await readdir(join(dir, 'spool'))).toEqual([]);
  await rm(dir, { recursive: true, force: true });
});

const rows = (sql: string): Promise<SqlValue[][]> => skein.query(sql, utc).rows({ as: 'arrays' });
const utc = { settings: { TimeZone: 'UTC' } };

/** Columns of the fixture, and types of a table that has all of their values. */
const types: Readonly<Record<string, string>> = {
  i8: 'TINYINT',
  i16: 'SMALLINT',
  i32: 'INTEGER',
  i64: 'BIGINT',
  u8: 'UTINYINT',
  u16: 'USMALLINT',
  u32: 'UINTEGER',
  u64: 'UBIGINT',
  f16: 'FLOAT',
  f32: 'FLOAT',
  f64: 'DOUBLE',
  b: 'BOOLEAN',
  dec5: 'DECIMAL(5,2)',
  dec38: 'DECIMAL(38,10)',
  dec256: 'DECIMAL(20,3)',
  d32: 'DATE',
  d64: 'DATE',
  ts_s: 'TIMESTAMP',
  tz_s: 'TIMESTAMPTZ',
  ts_ms: 'TIMESTAMP',
  tz_ms: 'TIMESTAMPTZ',
  ts_us: 'TIMESTAMP',
  tz_us: 'TIMESTAMPTZ',
  ts_ns: 'TIMESTAMP_NS',
  tz_ns: 'TIMESTAMPTZ',
  t_s: 'TIME',
  t_ms: 'TIME',
  t_us: 'TIME',
  t_ns: 'TIME_NS',
  s: 'VARCHAR',
  ls: 'VARCHAR',
  sv: 'VARCHAR',
  bin: 'BLOB',
  lbin: 'BLOB',
  bv: 'BLOB',
  fsb: 'BLOB',
  li: 'INTEGER[]',
  lls: 'VARCHAR[]',
  fsl: 'FLOAT[3]',
  st: 'STRUCT(c DECIMAL(20,5), a BIGINT, b VARCHAR[])',
  m: 'MAP(VARCHAR, INTEGER)',
  ml: 'MAP(BIGINT, DATE[])',
  dict: 'VARCHAR',
  idict: 'BIGINT',
  nul: 'INTEGER',
};

const texts = Object.entries(types).map(
  ([name, type]) => `CAST(CAST(${name} AS ${type}) AS VARCHAR) AS ${name}`,
);

async function expectRows(table: string, folder: string): Promise<void> {
  await using bare = await bareDuckDbOf(join(folder, 'types.parquet'));
  const wanted = await bare.rows(`SELECT ${texts.join(', ')} FROM t ORDER BY ALL`);
  expect(wanted.length).toBe(4 + 3 + 4 * 520 + 2);
  const found = await rows(`SELECT ${texts.join(', ')} FROM ${table} ORDER BY ALL`);
  expect(found.length).toBe(wanted.length);
  for (const [index, row] of wanted.entries()) expect(found[index]).toEqual(row);
}

async function bareDuckDbOf(
  file: string,
): Promise<AsyncDisposable & { rows(sql: string): Promise<SqlValue[][]> }> {
  const runner = await bareDuckDb([{ name: 't', from: `read_parquet('${file}')` }]);
  return {
    rows: async (sql) => (await runner.query(sql)).rows as SqlValue[][],
    [Symbol.asyncDispose]: () => runner.close(),
  };
}

describe('an Arrow stream of pyarrow', () => {
  const columns = Object.entries(types).map(([name, type]) => `${name} ${type}`);

  test('of every type is appended with every value', async () => {
    await rows(`CREATE TABLE types (${columns.join(', ')})`);
    const stream = await readFile(join(fixtures, 'types.arrows'));
    expect(await skein.append('types', stream)).toEqual({ version: 1, rows: 2089, duplicate: false });
    await expectRows('types', fixtures);
  });

  test.skipIf(python === undefined)('of the version that is here, likewise', async () => {
    const folder = await mkdtemp(join(dir, 'fresh-'));
    execFileSync(python ?? '', [writer, folder]);
    await rows(`CREATE TABLE fresh (${columns.join(', ')})`);
    await skein.append('fresh', await readFile(join(folder, 'types.arrows')));
    await expectRows('fresh', folder);
  });

  test('that is packed, or a file, is refused with what to do', async () => {
    await rows('CREATE TABLE few (id BIGINT)');
    await expect(skein.append('few', await readFile(join(fixtures, 'packed.arrows')))).rejects.toMatchObject({
      sqlState: '0A000',
      hint: 'Send them uncompressed.',
    });
    await expect(skein.append('few', await readFile(join(fixtures, 'file.arrow')))).rejects.toMatchObject({
      sqlState: '22023',
      hint: expect.stringContaining('streaming format'),
    });
    expect(await rows('SELECT count(*) FROM few')).toEqual([[0n]]);
  });
});
