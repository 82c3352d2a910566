import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Skein, type SqlValue } from '../../src/index.ts';
import type { TestEngine } from '../support/engine.ts';
import { DmlPair, type Step, type Variant } from './support/dml-pair.ts';
import { scripts } from './support/dml-scripts.ts';
import { dmlVariants } from './support/dml-variants.ts';

let dir: string;
let engines: readonly TestEngine[] = [];
let variants: readonly Variant[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skein-dml-'));
  ({ variants, engines } = await dmlVariants(dir));
});

afterAll(async () => {
  await Promise.all(engines.map((engine) => engine.close()));
  await rm(dir, { recursive: true, force: true });
});

async function compared(variant: Variant, steps: readonly (Step | string)[]): Promise<string | undefined> {
  const pair = await DmlPair.open(variant);
  try {
    return await pair.run(steps);
  } finally {
    await pair.close();
  }
}

describe('changes of tables are those of DuckDB', () => {
  test.each(scripts)('$name', { timeout: 120_000 }, async ({ name, steps }) => {
    const found: string[] = [];
    // Every other one: neighbours share what matters.
    for (const variant of variants.filter((_, index) => (index + name.length) % 2 === 0)) {
      const difference = await compared(variant, steps);
      if (difference !== undefined) found.push(difference);
    }
    expect(found).toEqual([]);
  });
});

describe('RETURNING', () => {
  const rowsOf = (skein: Skein, sql: string): Promise<SqlValue[][]> =>
    skein.query(sql).rows({ as: 'arrays' });

  test('gives the rows of the commit that won, when writers get in each other’s way', {
    timeout: 120_000,
  }, async () => {
    const data = join(dir, 'races');
    await mkdir(data);
    const open = (): Promise<Skein> =>
      Skein.open({ data, spool: join(dir, 'races-spool'), threads: 1, memory: '128MiB' });
    await using one = await open();
    await using other = await open();
    await rowsOf(one, 'CREATE TABLE c AS SELECT 0 AS n');
    const taken: SqlValue[] = [];
    await Promise.all(
      [one, other, one, other].map(async (skein) => {
        for (let round = 0; round < 6; round += 1) {
          const [[n] = []] = await rowsOf(skein, 'UPDATE c SET n = n + 1 RETURNING n');
          taken.push(n ?? null);
        }
      }),
    );
    expect(taken.toSorted((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 24 }, (_, i) => i + 1),
    );
  });

  test('gives columns that are computed, and the old rows of what is deleted', async () => {
    const data = join(dir, 'computed');
    await mkdir(data);
    await using skein = await Skein.open({
      data,
      spool: join(dir, 'computed-spool'),
      threads: 1,
      memory: '128MiB',
    });
    await rowsOf(
      skein,
      'CREATE TABLE g (id BIGINT GENERATED ALWAYS AS IDENTITY, a INTEGER, b INTEGER GENERATED ALWAYS AS (a * 2))',
    );
    await rowsOf(skein, 'INSERT INTO g (a) VALUES (1), (2), (3)');
    expect(await rowsOf(skein, 'UPDATE g SET a = a + 10 WHERE a < 3 RETURNING *')).toEqual(
      expect.arrayContaining([
        [1n, 11, 22],
        [2n, 12, 24],
      ]),
    );
    const merged = await rowsOf(
      skein,
      `MERGE INTO g USING (VALUES (11), (50)) s(x) ON x = a WHEN MATCHED THEN UPDATE SET a = 0
         WHEN NOT MATCHED THEN INSERT (a) VALUES (x) WHEN NOT MATCHED BY SOURCE AND a = 3 THEN DELETE
         WHEN NOT MATCHED BY SOURCE THEN UPDATE SET a = a + 1 RETURNING merge_action, id, a, b`,
    );
    expect(merged.toSorted((left, right) => String(left).localeCompare(String(right)))).toEqual([
      ['DELETE', 3n, 3, 6],
      ['INSERT', 4n, 50, 100],
      ['UPDATE', 1n, 0, 0],
      ['UPDATE', 2n, 13, 26],
    ]);
    await expect(rowsOf(skein, `UPDATE g SET a = 7 RETURNING error('no')`)).rejects.toThrow('no');
    expect(await rowsOf(skein, 'SELECT count(*) FROM g WHERE a = 7')).toEqual([[0n]]);
  });
});
