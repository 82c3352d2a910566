import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { difference } from '../support/compare.ts';
import { startTestEngine } from '../support/engine.ts';
import { embeddedSkein, type SkeinRunner } from '../support/skein-runner.ts';
import { ownTpchData, readAnswer, readTpchQueries, tpchTables } from './answers.ts';

const queries = await readTpchQueries();

/** How the tables are divided: those of a million rows and more by their keys, alike where they are joined. */
const divisions: Readonly<Record<string, string>> = {
  lineitem: 'SHARDED BY HASH (l_orderkey) INTO 8 SHARDS',
  orders: 'SHARDED BY HASH (o_orderkey) INTO 8 SHARDS',
  customer: 'SHARDED BY HASH (c_custkey) INTO 8 SHARDS',
  part: 'SHARDED BY HASH (p_partkey) INTO 8 SHARDS',
  partsupp: 'SHARDED BY HASH (ps_partkey) INTO 8 SHARDS',
  supplier: 'SHARDED BY RANGE (s_suppkey) SPLIT AT (25, 50, 75)',
};

let warehouse: string;

beforeAll(async () => {
  warehouse = await mkdtemp(join(tmpdir(), 'skein-sharded-'));
  for (const name of tpchTables) {
    await copyFile(join(ownTpchData('sf0.01'), `${name}.parquet`), join(warehouse, `raw_${name}.parquet`));
  }
  const engine = await startTestEngine({ dataDir: warehouse, workers: 2 });
  for (const name of tpchTables) {
    await engine.rows(`CREATE TABLE ${name} ${divisions[name] ?? ''} AS SELECT * FROM raw_${name}`);
  }
  await engine.close();
});
afterAll(() => rm(warehouse, { recursive: true, force: true }));

describe.each([{ workers: 1 }, { workers: 3 }, { workers: 4 }])(
  'TPC-H at sf0.01 on sharded Delta tables, $workers workers',
  (options) => {
    let runner: SkeinRunner;
    beforeAll(async () => {
      runner = await embeddedSkein(warehouse, options);
    });
    afterAll(() => runner.close());

    test.each(queries)('$name', async (query) => {
      const result = await runner.query(query.sql);
      const answer = await readAnswer('sf0.01', query.name, result.columns);
      expect(difference(answer, result, query.order)).toBeUndefined();
      expect(runner.tree().notes).toEqual([]);
    });

    test('lineitem and orders are joined where they lie', async () => {
      await runner.query(
        'SELECT o_orderpriority, sum(l_quantity) FROM lineitem JOIN orders ON l_orderkey = o_orderkey GROUP BY 1',
      );
      const joined = runner
        .tree()
        .stages.filter(({ sql }) => sql.includes('lineitem') || sql.includes('orders'));
      expect(joined.length).toBe(1);
    });
  },
);
