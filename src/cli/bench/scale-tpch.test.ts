import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DuckDb, type DuckDbConnection } from '../../duckdb/index.ts';
import { findTables } from './bare-duckdb.ts';
import { scaleTpch } from './scale-tpch.ts';
import { tpchQuery, tpchQueryCount, tpchTables } from './tpch-queries.ts';

const from = join(import.meta.dirname, '../../../test/data/tpch/sf0.01');
let folder: string;
let duckdb: DuckDb;
let connection: DuckDbConnection;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'skein-scale-'));
  duckdb = await DuckDb.open({
    threads: 1,
    memoryBytes: 2 ** 29,
    tempDirectory: join(folder, 'temp'),
    readRoots: [from],
    writeRoots: [folder],
  });
  connection = await duckdb.connect();
});
afterAll(async () => {
  await connection[Symbol.asyncDispose]();
  duckdb.close();
  rmSync(folder, { recursive: true });
});

describe('scaleTpch', () => {
  it('gives copies that join with themselves alone', async () => {
    const rows = new Map<string, number>();
    const out = join(folder, 'out');
    mkdirSync(out);
    await scaleTpch({
      connection,
      tables: findTables(from, tpchTables),
      copies: 3,
      out,
      signal: new AbortController().signal,
      onTable: (name, count) => {
        rows.set(name, count);
        return Promise.resolve();
      },
    });
    expect(readdirSync(out)).toHaveLength(8);
    expect(Object.fromEntries(rows)).toEqual({
      customer: 4500,
      lineitem: 3 * 60175,
      nation: 25,
      orders: 45_000,
      part: 6000,
      partsupp: 24_000,
      region: 5,
      supplier: 300,
    });
    // A join over every key has three times the rows, and keys stay unique.
    const join_ = (tables: ReadonlyMap<string, string>): string => {
      const t = (name: string): string => `'${tables.get(name)}'`;
      return `SELECT count(*), count(DISTINCT o_orderkey), count(DISTINCT c_name), count(DISTINCT s_name)
        FROM ${t('lineitem')} JOIN ${t('orders')} ON l_orderkey = o_orderkey JOIN ${t('customer')} ON o_custkey = c_custkey
        JOIN ${t('partsupp')} ON l_partkey = ps_partkey AND l_suppkey = ps_suppkey
        JOIN ${t('supplier')} ON s_suppkey = ps_suppkey JOIN ${t('part')} ON p_partkey = ps_partkey`;
    };
    const [before] = await connection.rows(join_(findTables(from, tpchTables)));
    const [after] = await connection.rows(join_(findTables(out, tpchTables)));
    expect(after).toEqual(before?.map((count) => 3n * (count as bigint)));
  });
});

describe('findTables', () => {
  it('names what is missing', () => {
    expect(() => findTables(folder, ['nation', 'region'])).toThrow(
      `${folder} has no Parquet files for nation, region`,
    );
  });
});

describe('tpchQuery', () => {
  it('finds all texts where the package brings them', () => {
    const texts = Array.from({ length: tpchQueryCount }, (_, index) => tpchQuery(index + 1));
    expect(new Set(texts).size).toBe(22);
    expect(texts[5]).toContain('l_extendedprice * l_discount');
  });
});
