import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkSeed } from '../random/check.ts';
import { randomTables } from '../random/tables.ts';
import { bareDuckDb } from '../support/bare-duckdb.ts';
import { type DataSet, makeParquetTables } from '../support/data-set.ts';
import type { Runner } from '../support/runner.ts';
import { StagedDuckDb } from '../support/staged-duckdb.ts';

const QUERIES = 120;
let data: DataSet;
let bare: Runner;
const staged: Runner[] = [];

beforeAll(async () => {
  data = await makeParquetTables(randomTables);
  bare = await bareDuckDb(data.tables);
  const sharded = Object.fromEntries(randomTables.map(({ name }) => [name, ['k']]));
  staged.push(
    await StagedDuckDb.open(data.tables, 4, 500),
    await StagedDuckDb.open(data.tables, 4, 500, sharded),
  );
});

afterAll(async () => {
  for (const runner of staged) await runner.close();
  await bare.close();
  await data.remove();
});

// Half a minute of work on two idle cores.
test('random queries, cut into stages, give their own answers', { timeout: 600_000 }, async () => {
  let same = 0;
  for (let seed = 0; seed < QUERIES; seed += 1) {
    const outcome = await checkSeed(seed, bare, staged);
    if (outcome.kind === 'same') same += 1;
  }
  expect(same).toBeGreaterThan(QUERIES / 2);
});
