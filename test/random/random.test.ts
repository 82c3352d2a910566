import { afterAll, beforeAll, expect, test } from 'vitest';
import { bareDuckDb } from '../support/bare-duckdb.ts';
import { type DataSet, makeParquetTables } from '../support/data-set.ts';
import type { Runner } from '../support/runner.ts';
import { embeddedSkein } from '../support/skein-runner.ts';
import { checkSeed } from './check.ts';
import { randomTables } from './tables.ts';

/** `SKEIN_LONG=1` for more, `SKEIN_RANDOM_QUERIES=20000` for so many, `SKEIN_SEED` for where to begin. */
const count = Number(process.env.SKEIN_RANDOM_QUERIES ?? (process.env.SKEIN_LONG === '1' ? 2000 : 500));
const firstSeed = Number(process.env.SKEIN_SEED ?? 1);
/** Seeds a test, so that one bad query does not hide the rest. */
const batch = 50;

let data: DataSet;
let oracle: Runner;
let engines: Runner[];

beforeAll(async () => {
  data = await makeParquetTables(randomTables);
  oracle = await bareDuckDb(data.tables);
  engines = [
    await embeddedSkein(data.directory, { workers: 1 }),
    await embeddedSkein(data.directory, { workers: 4 }),
    await embeddedSkein(data.directory, { workers: 4, joins: 'partitioned' }),
  ];
});

afterAll(async () => {
  for (const runner of [oracle, ...engines]) await runner.close();
  await data.remove();
});

const batches = Array.from({ length: Math.ceil(count / batch) }, (_, index) => firstSeed + index * batch);

test.each(batches)('queries from seed %i', { timeout: 600_000 }, async (from) => {
  let skipped = 0;
  const to = Math.min(from + batch, firstSeed + count);
  for (let seed = from; seed < to; seed += 1) {
    const outcome = await checkSeed(seed, oracle, engines);
    if (outcome.kind === 'skipped') skipped += 1;
  }
  // Queries that bare DuckDB does not bind test nothing.
  expect(skipped).toBeLessThanOrEqual(Math.max(1, (to - from) / 5));
});
