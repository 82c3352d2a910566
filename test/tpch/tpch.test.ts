import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bareDuckDb } from '../support/bare-duckdb.ts';
import { difference } from '../support/compare.ts';
import { parquetFolder } from '../support/data-set.ts';
import { makeSplittable } from '../support/engine.ts';
import type { Runner } from '../support/runner.ts';
import { embeddedSkein, type SkeinOptions, type SkeinRunner } from '../support/skein-runner.ts';
import { ownTpchData, readAnswer, readTpchQueries, tpchTables } from './answers.ts';

const queries = await readTpchQueries();

/** The larger data set does not lie in the project: `SKEIN_TPCH_SF01=DIR`, or the folder beside the checkout. */
const larger = process.env.SKEIN_TPCH_SF01 ?? new URL('../../../shared/tpch/sf0.1', import.meta.url).pathname;
const reason = existsSync(larger) ? '' : ` (skipped: no ${larger}; set SKEIN_TPCH_SF01 to such a folder)`;

const engines: readonly SkeinOptions[] = [
  { workers: 1 },
  { workers: 3 },
  { workers: 4 },
  { workers: 4, joins: 'partitioned' },
];

async function expectAnswer(runner: Runner, scale: string, query: (typeof queries)[number]): Promise<void> {
  const result = await runner.query(query.sql);
  const answer = await readAnswer(scale, query.name, result.columns);
  expect(difference(answer, result, query.order)).toBeUndefined();
}

test.each(queries)('$name at sf0.01 on bare DuckDB', async (query) => {
  const bare = await bareDuckDb(parquetFolder(ownTpchData('sf0.01'), tpchTables));
  await expectAnswer(bare, 'sf0.01', query);
  await bare.close();
});

/** In row groups of 2,048 rows, so that every worker has a share even of so little data. */
let splittable: string;
beforeAll(async () => {
  splittable = await mkdtemp(join(tmpdir(), 'skein-tpch-'));
  await makeSplittable(ownTpchData('sf0.01'), splittable);
});
afterAll(() => rm(splittable, { recursive: true, force: true }));

describe.each(engines)('TPC-H at sf0.01, $workers workers, joins: $joins', (options) => {
  let runner: SkeinRunner;
  beforeAll(async () => {
    runner = await embeddedSkein(splittable, options);
  });
  afterAll(() => runner.close());

  test.each(queries)('$name', async (query) => {
    await expectAnswer(runner, 'sf0.01', query);
    expect(runner.tree().notes).toEqual([]);
    // Whatever can be cut is read by every worker.
    for (const { sql, tasks } of runner.tree().stages.slice(0, -1)) {
      if (sql.includes('lineitem')) expect(tasks.length).toBe(options.workers);
    }
  });
});

describe.skipIf(reason !== '').each(engines)(
  `TPC-H at sf0.1, $workers workers, joins: $joins${reason}`,
  (options) => {
    let runner: SkeinRunner;
    beforeAll(async () => {
      runner = await embeddedSkein(larger, options);
    });
    afterAll(() => runner.close());

    test.each(queries)('$name', (query) => expectAnswer(runner, 'sf0.1', query));
  },
);
