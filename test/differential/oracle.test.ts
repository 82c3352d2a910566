import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bareDuckDb } from '../support/bare-duckdb.ts';
import { difference } from '../support/compare.ts';
import { type DataSet, makeDataSet } from '../support/data-set.ts';
import type { Runner } from '../support/runner.ts';
import { readSltFolder } from '../support/slt.ts';

const statements = await readSltFolder(new URL('../sql', import.meta.url).pathname);
let data: DataSet;
let one: Runner;
let shuffled: Runner;

beforeAll(async () => {
  data = await makeDataSet();
  one = await bareDuckDb(data.tables, { threads: 1 });
  shuffled = await bareDuckDb(data.tables, { threads: 4, shuffled: true });
});

afterAll(async () => {
  await one.close();
  await shuffled.close();
  await data.remove();
});

describe('the statements have one answer, whatever the order of rows and the number of threads', () => {
  test.each(statements)('$file:$line', async ({ sql, settings, expect: wanted }) => {
    if (wanted.kind === 'refused') return;
    if (wanted.kind === 'error') {
      await expect(one.query(sql, { settings })).rejects.toThrow();
      return;
    }
    // DuckDB joins ASOF by another algorithm, which lets other NULLs match, where it knows the left side to be small: of
    // tables it knows more than of files.
    const alike = { ...settings, asof_loop_join_threshold: '0' };
    const first = await one.query(sql, { settings: alike });
    const second = await shuffled.query(sql, { settings: alike });
    expect(difference(first, second, wanted.order)).toBeUndefined();
  });
});
