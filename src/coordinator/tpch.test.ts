import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeSplittable, startTestEngine, type TestEngine } from '../../test/support/engine.ts';
import type { SqlValue } from '../types/index.ts';

const queries = 'bench/tpch/queries';
const answers = 'test/data/tpch/answers/sf0.01';

/** The reference answers are printed; floats are printed to all their digits, and sums of them may differ in the last. */
function expectAnswer(rows: readonly (readonly SqlValue[])[], file: string): void {
  const [, ...lines] = readFileSync(file, 'utf8').replace(/\n$/, '').split('\n');
  expect(rows.length).toBe(lines.length);
  rows.forEach((row, at) => {
    const expected = (lines[at] ?? '').split('|');
    row.forEach((value, column) => {
      const want = (expected[column] ?? '').replaceAll(/^"|"$/g, '');
      if (typeof value === 'number')
        expect(Math.abs(value - Number(want))).toBeLessThan(1e-9 * Math.max(1, Math.abs(value)));
      else expect(value === null ? '' : String(value)).toBe(want);
    });
  });
}

let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'skein-tpch-'));
  await makeSplittable('test/data/tpch/sf0.01', dataDir);
});
afterAll(() => rm(dataDir, { recursive: true, force: true }));

describe.each([
  { workers: 1, broadcastBytes: 1_000_000 },
  { workers: 3, broadcastBytes: 1_000_000 },
  { workers: 4, broadcastBytes: 1_000 },
])(
  'TPC-H, distributed: $workers workers, broadcast up to $broadcastBytes bytes',
  ({ workers, broadcastBytes }) => {
    let engine: TestEngine;
    beforeAll(async () => {
      engine = await startTestEngine({ dataDir, workers, limits: { broadcastBytes } });
    });
    afterAll(() => engine?.close());

    it.each(readdirSync(queries).map((file) => path.basename(file, '.sql')))('%s', async (name) => {
      const sql = readFileSync(path.join(queries, `${name}.sql`), 'utf8');
      expectAnswer(await engine.rows(sql, { local_bypass: 'off' }), path.join(answers, `${name}.csv`));
      const { id } = engine.service.list()[0] ?? { id: '' };
      const tree = engine.service.tree(id);
      expect(tree?.notes).toEqual([]);
      // Whatever can be cut is read by every worker.
      for (const stage of tree?.stages.slice(0, -1) ?? []) {
        if (stage.sql.includes('lineitem')) expect(stage.tasks.length).toBe(workers);
      }
    });
  },
);
