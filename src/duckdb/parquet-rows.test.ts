import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemRandom } from '../common/index.ts';
import { parseType, quoteLiteral } from '../types/index.ts';
import { DuckDb } from './duckdb.ts';
import { DuckDbParquetRows, type ParquetSource } from './parquet-rows.ts';

let scratch: string;
let duckDb: DuckDb;
let parquet: DuckDbParquetRows;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'parquet-rows-'));
  duckDb = await DuckDb.open({
    threads: 1,
    memoryBytes: 2 ** 29,
    tempDirectory: join(scratch, 'spill'),
    readRoots: [],
    writeRoots: [scratch],
  });
  parquet = new DuckDbParquetRows({ duckDb, scratchFolder: join(scratch, 'rows'), random: systemRandom });
});

afterAll(async () => {
  duckDb.close();
  await rm(scratch, { recursive: true });
});

function sourceOf(bytes: Uint8Array): ParquetSource {
  return { root: '/table', get: async () => ({ stream: new Blob([new Uint8Array(bytes)]).stream() }) };
}

async function parquetOf(sql: string): Promise<ParquetSource> {
  const path = join(scratch, 'made.parquet');
  await using connection = await duckDb.connect();
  await connection.run(`COPY (${sql}) TO ${quoteLiteral(path)} (FORMAT parquet)`);
  return sourceOf(await readFile(path));
}

async function read(
  store: ParquetSource,
  columns: Parameters<DuckDbParquetRows['readRows']>[1],
): Promise<readonly unknown[]> {
  const rows: unknown[] = [];
  for await (const text of parquet.readRows({ store, key: 'x.parquet' }, columns, undefined))
    rows.push(...(JSON.parse(text) as readonly unknown[]));
  return rows;
}

describe('readRows', () => {
  it('gives the columns and fields that are asked for and there, without NULL columns', async () => {
    const store = await parquetOf(
      `SELECT * FROM (VALUES ({x: 1, y: 'a"', z: 2}, MAP {'k': 'v', 'n': NULL}), (NULL, NULL)) AS t(s, m)`,
    );
    const columns = [{ name: 's', fields: [{ name: 'y' }, { name: 'q' }] }, { name: 'm' }, { name: 'no' }];
    expect(await read(store, columns)).toEqual([{ s: { y: 'a"' }, m: { k: 'v', n: null } }, {}]);
    expect(await read(store, [{ name: 's', fields: [{ name: 'q' }] }])).toEqual([{ s: {} }, {}]);
    expect(await read(store, [])).toEqual([{}, {}]);
  });

  it('gives one field as text where another is NULL', async () => {
    const store = await parquetOf(
      `SELECT {a: v, b: {t: timestamptz '2024-01-01 00:00:00.5+00', n: 9007199254740993}} AS s
       FROM (VALUES ('x'), (NULL)) AS t(v)`,
    );
    const text = '{"t":"2024-01-01 00:00:00.5+00","n":9007199254740993}';
    const parsed = { name: 'b', textUnless: 'a' };
    expect(await read(store, [{ name: 's', fields: [{ name: 'a' }, parsed] }])).toEqual([
      { s: { a: 'x', b: null } },
      { s: { a: null, b: text } },
    ]);
    expect(await read(store, [{ name: 's', fields: [{ ...parsed, textUnless: 'none' }] }])).toEqual([
      { s: { b: text } },
      { s: { b: text } },
    ]);
  });

  it('is XX001 naming the object where it is no Parquet file, and leaves no copy', async () => {
    await expect(read(sourceOf(Buffer.from('PAR1 no')), [{ name: 's' }])).rejects.toMatchObject({
      sqlState: 'XX001',
      message: expect.stringContaining('/table/x.parquet is no whole Parquet file') as string,
      details: { path: '/table/x.parquet' },
    });
    expect(await readdir(join(scratch, 'rows'))).toEqual([]);
  });
});

describe('writeRows', () => {
  it('writes what readRows gives back, in order', async () => {
    const schema = [
      {
        name: 'add',
        type: parseType('STRUCT("path" VARCHAR, "partitionValues" MAP(VARCHAR, VARCHAR), size BIGINT)'),
      },
      { name: 'protocol', type: parseType('STRUCT("readerFeatures" VARCHAR[])') },
    ];
    const add = (index: number) => ({
      add: {
        path: `ä"${index}`,
        partitionValues: { 'p q': index % 2 === 0 ? 'v' : null },
        size: 2 ** 53 - 1,
      },
    });
    const rows = [
      { protocol: { readerFeatures: ['x', 'y'] } },
      ...Array.from({ length: 9000 }, (_, index) => add(index)),
    ];
    async function* texts() {
      yield JSON.stringify(rows.slice(0, 1));
      yield '[]';
      yield ` ${JSON.stringify(rows.slice(1))}\n`;
    }
    let bytes: Buffer;
    {
      await using file = await parquet.writeRows(schema, texts(), undefined);
      bytes = await readFile(file.path);
      expect(file.bytes).toBe(bytes.length);
    }
    expect(await read(sourceOf(bytes), schema)).toEqual(rows);
    expect(await readdir(join(scratch, 'rows'))).toEqual([]);
    await using empty = await parquet.writeRows(schema, [], undefined);
    expect(await read(sourceOf(await readFile(empty.path)), schema)).toEqual([]);
  });

  it('refuses a value of another type', async () => {
    const schema = [{ name: 'n', type: parseType('BIGINT') }];
    await expect(parquet.writeRows(schema, ['[{"n":"x"}]'], undefined)).rejects.toMatchObject({
      sqlState: 'XX001',
    });
    expect((await readdir(join(scratch, 'rows'))).filter((name) => name.endsWith('.json'))).toEqual([]);
  });
});
