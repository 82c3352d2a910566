import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SqlValue } from '../../src/types/index.ts';
import { startTestEngine, type TestEngine } from '../support/engine.ts';

let dir: string;
let engine: TestEngine;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skein-changes-'));
  engine = await startTestEngine({ dataDir: dir, workers: 2 });
});

afterAll(async () => {
  await engine.close();
  await rm(dir, { recursive: true, force: true });
});

const run = (sql: string): Promise<readonly (readonly SqlValue[])[]> =>
  engine.rows(sql, { local_bypass: 'off' });

describe('changes of a table', () => {
  const variants = [
    ['plain', ''],
    ['vectors', `, 'delta.enableDeletionVectors' = true`],
    ['mapped', `, 'delta.columnMapping.mode' = 'id'`],
    ['partitioned', ``],
  ] as const;
  test.each(variants)('are read: %s', async (name, properties) => {
    const t = `t_${name}`;
    const divided = name === 'partitioned' ? 'PARTITIONED BY (p)' : '';
    await run(
      `CREATE TABLE ${t} (k BIGINT, p INTEGER, v VARCHAR) ${divided} WITH ('delta.enableChangeDataFeed' = true${properties})`,
    );
    await run(`INSERT INTO ${t} VALUES (1, 1, 'a'), (2, 2, 'b'), (3, NULL, 'c')`);
    await run(`UPDATE ${t} SET v = upper(v) WHERE k <= 2`);
    await run(`DELETE FROM ${t} WHERE k = 1`);
    await run(
      `MERGE INTO ${t} USING (SELECT 2 AS k, 'x' AS v UNION ALL SELECT 9, 'new') s ON ${t}.k = s.k
       WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT (k, v) VALUES (s.k, s.v)
       WHEN NOT MATCHED BY SOURCE THEN DELETE`,
    );
    await run(`DELETE FROM ${t}`);
    const changes = await run(
      `SELECT _commit_version, _change_type, k, p, v FROM table_changes('${t}', 1) ORDER BY ALL`,
    );
    expect(changes).toEqual([
      [1n, 'insert', 1n, 1, 'a'],
      [1n, 'insert', 2n, 2, 'b'],
      [1n, 'insert', 3n, null, 'c'],
      [2n, 'update_postimage', 1n, 1, 'A'],
      [2n, 'update_postimage', 2n, 2, 'B'],
      [2n, 'update_preimage', 1n, 1, 'a'],
      [2n, 'update_preimage', 2n, 2, 'b'],
      [3n, 'delete', 1n, 1, 'A'],
      [4n, 'delete', 3n, null, 'c'],
      [4n, 'insert', 9n, null, 'new'],
      [4n, 'update_postimage', 2n, 2, 'x'],
      [4n, 'update_preimage', 2n, 2, 'B'],
      [5n, 'delete', 2n, 2, 'x'],
      [5n, 'delete', 9n, null, 'new'],
    ]);
    expect(
      await run(
        `SELECT count(*), count(DISTINCT _commit_timestamp) FROM table_changes('${t}', 2, 3) WHERE _change_type <> 'update_preimage'`,
      ),
    ).toEqual([[3n, 2n]]);
    expect(await run(`SELECT count(*) FROM ${t}`)).toEqual([[0n]]);
  });

  test('are those that Spark reads of its own table', async () => {
    const fixtures = join(import.meta.dirname, '../interop/fixtures/spark');
    await cp(join(fixtures, 'cdf'), join(dir, 'cdf'), { recursive: true });
    const lines = (await readFile(join(fixtures, 'cdf.changes.jsonl'), 'utf8')).trim().split('\n');
    const found = await run(
      `SELECT id, v, _change_type, _commit_version FROM table_changes('cdf', 0) ORDER BY ALL`,
    );
    const expected = lines.map((line) => JSON.parse(line) as Record<string, SqlValue>);
    expect(found.map((row) => row.map(String))).toEqual(
      expected
        .map((row) => [row.id, row.v, row._change_type, row._commit_version].map(String))
        .sort((a, b) => (a.join('|') < b.join('|') ? -1 : 1)),
    );
  });

  test('are not there where nobody recorded them', async () => {
    await run('CREATE TABLE silent AS SELECT 1 AS k');
    await expect(run(`SELECT * FROM table_changes('silent', 0)`)).rejects.toMatchObject({
      sqlState: '55000',
    });
    await run(`ALTER TABLE silent SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')`);
    await run('INSERT INTO silent VALUES (2)');
    expect(await run(`SELECT k, _change_type FROM table_changes('silent', 1)`)).toEqual([[2, 'insert']]);
    await run('RESTORE silent TO VERSION AS OF 1');
    await run('OPTIMIZE silent');
    expect(
      await run(`SELECT k, _change_type, _commit_version FROM table_changes('silent', 2) ORDER BY 3`),
    ).toEqual([
      [2, 'insert', 2n],
      [2, 'delete', 3n],
    ]);
    await expect(run(`SELECT * FROM table_changes('silent', 3, 2)`)).rejects.toMatchObject({
      sqlState: '22023',
    });
  });
});
