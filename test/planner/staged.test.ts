import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bareDuckDb } from '../support/bare-duckdb.ts';
import { difference } from '../support/compare.ts';
import { type DataSet, makeDataSet } from '../support/data-set.ts';
import type { Runner } from '../support/runner.ts';
import { readSltFolder } from '../support/slt.ts';
import { StagedDuckDb } from '../support/staged-duckdb.ts';

const files = ['aggregates', 'joins', 'windows', 'subqueries', 'ctes', 'set-operations', 'order-limit'];
const all = await readSltFolder(new URL('../sql', import.meta.url).pathname);
const statements = all.flatMap((statement, index) => {
  if (statement.expect.kind !== 'rows' || !files.some((file) => statement.file.startsWith(file))) return [];
  return [{ ...statement, order: statement.expect.order, index }];
});
let data: DataSet;
let bare: Runner;
const staged: StagedDuckDb[] = [];

beforeAll(async () => {
  data = await makeDataSet();
  bare = await bareDuckDb(data.tables);
  // Joins move both sides, and then one side only.
  staged.push(await StagedDuckDb.open(data.tables, 3, 0));
  staged.push(await StagedDuckDb.open(data.tables, 4, 1 << 30));
});

afterAll(async () => {
  for (const runner of staged) await runner.close();
  await bare.close();
  await data.remove();
});

describe('a plan cut into stages gives the answer of the query', () => {
  test.each(statements)('$file:$line', async ({ sql, settings, order, index }) => {
    const runner = staged[index % staged.length];
    const expected = await bare.query(sql, { settings });
    const actual = await runner?.query(sql, { settings });
    expect(actual && difference(expected, actual, order)).toBeUndefined();
  });
});
