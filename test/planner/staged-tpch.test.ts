import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bareDuckDb } from '../support/bare-duckdb.ts';
import { difference } from '../support/compare.ts';
import { parquetFolder } from '../support/data-set.ts';
import type { Runner } from '../support/runner.ts';
import { StagedDuckDb } from '../support/staged-duckdb.ts';
import { tpchQuery, tpchSchemas } from '../support/tpch.ts';

const tables = parquetFolder(
  new URL('../data/tpch/sf0.01', import.meta.url).pathname,
  Object.keys(tpchSchemas),
);
const numbers = Array.from({ length: 22 }, (_, index) => index + 1);
let bare: Runner;
const staged: Runner[] = [];

beforeAll(async () => {
  bare = await bareDuckDb(tables);
  const sharded = {
    lineitem: ['l_orderkey'],
    orders: ['o_orderkey'],
    part: ['p_partkey'],
    partsupp: ['ps_partkey'],
    customer: ['c_custkey'],
  };
  staged.push(
    await StagedDuckDb.open(tables, 3, 10_000),
    await StagedDuckDb.open(tables, 4, 1 << 30),
    await StagedDuckDb.open(tables, 3, 10_000, sharded),
  );
});

afterAll(async () => {
  for (const runner of staged) await runner.close();
  await bare.close();
});

describe('TPC-H, cut into stages', () => {
  test.each(numbers)('query %i', async (number) => {
    const sql = tpchQuery(number);
    const expected = await bare.query(sql);
    for (const runner of staged) {
      expect(difference(expected, await runner.query(sql), { kind: 'ordered' })).toBeUndefined();
    }
  });
});
