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

type Values = Parameters<DuckDbParquetRows['readRows']>[1];

/** Each row's values. */
async function read(store: ParquetSource, values: Values): Promise<readonly (readonly unknown[])[]> {
  const rows: unknown[][] = [];
  for await (const { rowCount, columns } of parquet.readRows({ store, key: 'x.parquet' }, values, undefined))
    for (let row = 0; row < rowCount; row++) rows.push(columns.map((column) => column?.[row]));
  return rows;
}

describe('readRows', () => {
  it('gives the columns and fields that are asked for and there', async () => {
    const store = await parquetOf(
      `SELECT * FROM (VALUES ({x: 1, y: 'a"', z: 2}, MAP {'k': 'v', 'n': NULL}), (NULL, NULL)) AS t(s, m)`,
    );
    const values: Values = [
      { column: 's', field: 'y', as: 'text' },
      { column: 's', field: 'q', as: 'json' },
      { column: 's', field: 'x', as: 'json' },
      { column: 'm', as: 'json' },
      { column: 'm', as: 'jsonText' },
      { column: 'no', as: 'text' },
    ];
    expect(await read(store, values)).toEqual([
      ['a"', undefined, 1, { k: 'v', n: null }, '{"k":"v","n":null}', undefined],
      ['', undefined, null, null, '', undefined],
    ]);
  });

  it('gives one field where another is NULL', async () => {
    const store = await parquetOf(
      `SELECT {a: v, b: {t: timestamptz '2024-01-01 00:00:00.5+00', n: 9007199254740993}} AS s
       FROM (VALUES ('x'), (NULL)) AS t(v)`,
    );
    const text = '{"t":"2024-01-01 00:00:00.5+00","n":9007199254740993}';
    const parsed = { column: 's', field: 'b', as: 'jsonText' } as const;
    expect(
      await read(store, [
        { column: 's', field: 'a', as: 'text' },
        { ...parsed, unless: 'a' },
      ]),
    ).toEqual([
      ['x', ''],
      ['', text],
    ]);
    expect(await read(store, [{ ...parsed, unless: 'none' }])).toEqual([[text], [text]]);
  });

  it('is XX001 where a text holds what ends texts', async () => {
    const store = await parquetOf(`SELECT * FROM (VALUES ('a' || chr(30)), (NULL), ('b')) AS t(a)`);
    await expect(read(store, [{ column: 'a', as: 'text' }])).rejects.toMatchObject({
      sqlState: 'XX001',
      message: expect.stringContaining('/table/x.parquet') as string,
    });
    expect(await read(store, [{ column: 'a', as: 'json' }])).toEqual([['a\u001e'], [null], ['b']]);
  });

  it('is XX001 naming the object where it is no Parquet file, and leaves no copy', async () => {
    await expect(read(sourceOf(Buffer.from('PAR1 no')), [{ column: 's', as: 'json' }])).rejects.toMatchObject(
      {
        sqlState: 'XX001',
        message: expect.stringContaining('/table/x.parquet is no whole Parquet file') as string,
        details: { path: '/table/x.parquet' },
      },
    );
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
    const values = schema.map(({ name }) => ({ column: name, as: 'json' }) as const);
    const written = await read(sourceOf(bytes), values);
    expect(written.map((row) => row.map((value) => value ?? null))).toEqual(
      rows.map((row) => schema.map(({ name }) => (row as Record<string, unknown>)[name] ?? null)),
    );
    expect(await readdir(join(scratch, 'rows'))).toEqual([]);
    await using empty = await parquet.writeRows(schema, [], undefined);
    expect(await read(sourceOf(await readFile(empty.path)), values)).toEqual([]);
  });

  it('refuses a value of another type', async () => {
    const schema = [{ name: 'n', type: parseType('BIGINT') }];
    await expect(parquet.writeRows(schema, ['[{"n":"x"}]'], undefined)).rejects.toMatchObject({
      sqlState: 'XX001',
    });
    expect((await readdir(join(scratch, 'rows'))).filter((name) => name.endsWith('.json'))).toEqual([]);
  });
});
