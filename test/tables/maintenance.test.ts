import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SqlValue } from '../../src/types/index.ts';
import { startTestEngine, type TestEngine } from '../support/engine.ts';

let dir: string;
let engine: TestEngine;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skein-maintain-'));
  engine = await startTestEngine({ dataDir: dir, workers: 3 });
});

afterAll(async () => {
  await engine.close();
  await rm(dir, { recursive: true, force: true });
});

const run = (sql: string): Promise<readonly (readonly SqlValue[])[]> =>
  engine.rows(sql, { local_bypass: 'off' });

async function one(sql: string): Promise<SqlValue> {
  return (await run(sql))[0]?.[0] ?? null;
}

async function detail(table: string, column: string): Promise<SqlValue> {
  const handle = await engine.service.submit({ sql: `DESCRIBE DETAIL ${table}` });
  const index = handle.columns.findIndex(({ name }) => name === column);
  for await (const batch of handle.batches) return batch.columns[index]?.[0] ?? null;
  return null;
}

describe('OPTIMIZE', () => {
  test.each([
    ['plain', '', 1n],
    ['partitioned', 'PARTITIONED BY (p)', 3n],
    ['sharded', 'SHARDED BY HASH (k) INTO 2 SHARDS', 2n],
    ['vectors', `WITH ('delta.enableDeletionVectors' = true)`, 1n],
  ] as const)('makes few files of many, once: %s', async (name, clauses, files) => {
    const t = `o_${name}`;
    await run(`CREATE TABLE ${t} (k BIGINT, p INTEGER, v VARCHAR) ${clauses}`);
    for (let part = 0; part < 4; part += 1) {
      await run(`INSERT INTO ${t} SELECT i + ${part * 100}, i % 3, 'v' || i FROM range(100) r(i)`);
    }
    await run(`DELETE FROM ${t} WHERE k % 10 = 0`);
    const before = await run(`SELECT * FROM ${t} ORDER BY k`);
    await run(`OPTIMIZE ${t}`);
    expect(await detail(t, 'files')).toBe(files);
    expect(await run(`SELECT * FROM ${t} ORDER BY k`)).toEqual(before);
    expect(await run(`OPTIMIZE ${t}`)).toEqual([[0n, 0n]]);
    await run(`OPTIMIZE ${t} ZORDER BY (k, v)`);
    expect(await run(`SELECT * FROM ${t} ORDER BY k`)).toEqual(before);
    const [last] = await run(`DESCRIBE HISTORY ${t} LIMIT 1`);
    expect(last?.[2]).toBe('OPTIMIZE');
  });

  test('brings rows that others wrote to their shards', async () => {
    await run('CREATE TABLE o_foreign (k BIGINT) SHARDED BY HASH (k) INTO 4 SHARDS');
    await run('INSERT INTO o_foreign SELECT i FROM range(100) r(i)');
    await appendWithoutTags('o_foreign');
    const shards = `SELECT count(*), sum(row_count) FROM system.shards WHERE table_name = 'o_foreign'`;
    const counts = 'SELECT k, count(*) FROM o_foreign GROUP BY k ORDER BY k';
    const before = await run(counts);
    expect(before.some(([, count]) => count === 2n)).toBe(true);
    expect(await run(shards)).toEqual([[0n, null]]);
    await run('OPTIMIZE o_foreign');
    expect(await run(counts)).toEqual(before);
    const rows = before.reduce((sum, [, count]) => sum + Number(count), 0);
    expect(await run(shards)).toEqual([[4n, BigInt(rows)]]);
  });
});

/** Adds a copy of a data file to the table, as a writer does that knows nothing of shards. */
async function appendWithoutTags(table: string): Promise<void> {
  const location = String(await detail(table, 'location'));
  const log = join(location, '_delta_log');
  const entries = (await readdir(log)).filter((name) => name.endsWith('.json')).sort();
  const actions = (await readFile(join(log, entries.at(-1) ?? ''), 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { readonly add?: Readonly<Record<string, unknown>> });
  const add = actions.find((action) => action.add !== undefined)?.add ?? {};
  const { tags: _, ...plain } = add;
  const path = 'foreign.parquet';
  await copyFile(join(location, String(add.path)), join(location, path));
  const next = `${String(entries.length).padStart(20, '0')}.json`;
  await writeFile(join(log, next), `${JSON.stringify({ add: { ...plain, path } })}\n`);
}

describe('the log', () => {
  test('gets checkpoints, which the table is read from', async () => {
    await run(`CREATE TABLE busy (k BIGINT) WITH ('delta.checkpointInterval' = 5)`);
    for (let k = 1; k <= 11; k += 1) await run(`INSERT INTO busy VALUES (${k})`);
    const log = join(String(await detail('busy', 'location')), '_delta_log');
    const isCheckpoint = (name: string): boolean => name.includes('.checkpoint');
    for (let wait = 0; wait < 100 && !existsSync(join(log, '_last_checkpoint')); wait += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const names = await readdir(log);
    expect(names.filter(isCheckpoint).length).toBeGreaterThan(0);
    expect(await run('SELECT count(*), sum(k) FROM busy')).toEqual([[11n, 66n]]);
    expect(await run('SELECT count(*) FROM busy AT (VERSION => 7)')).toEqual([[7n]]);
  });
});

describe('VACUUM and RESTORE', () => {
  test('take away what nobody needs, and bring back what is there', async () => {
    await run(
      `CREATE TABLE vac (k BIGINT) WITH ('delta.deletedFileRetentionDuration' = 'interval 0 hours', 'delta.enableChangeDataFeed' = true)`,
    );
    await run('INSERT INTO vac SELECT * FROM range(10)');
    await run('DELETE FROM vac WHERE k < 5');
    await run('RESTORE vac TO VERSION AS OF 1');
    expect(await one('SELECT count(*) FROM vac')).toBe(10n);
    await run('DELETE FROM vac WHERE k >= 5');
    await new Promise((resolve) => setTimeout(resolve, 20));
    const dry = await run('VACUUM vac DRY RUN');
    expect(dry.length).toBeGreaterThan(0);
    expect(await run('VACUUM vac')).toEqual(dry);
    expect(await run('VACUUM vac')).toEqual([]);
    expect(await one('SELECT count(*) FROM vac')).toBe(5n);
    await expect(run('RESTORE vac TO VERSION AS OF 1')).rejects.toMatchObject({ sqlState: '55000' });
    await expect(run('VACUUM busy RETAIN 0 HOURS')).rejects.toMatchObject({ sqlState: '22023' });
  });
});

describe('a shallow clone', () => {
  test('reads the files of its source, and changes its own', async () => {
    await run(
      `CREATE TABLE origin PARTITIONED BY (p) WITH ('delta.enableDeletionVectors' = true) AS SELECT i AS k, i % 2 AS p FROM range(10) r(i)`,
    );
    await run('DELETE FROM origin WHERE k = 3');
    await run('CREATE TABLE copy SHALLOW CLONE origin');
    expect(await run('SELECT count(*), sum(k) FROM copy')).toEqual([[9n, 42n]]);
    await run('DELETE FROM copy WHERE k = 4');
    await run('INSERT INTO copy VALUES (100, 1)');
    await run('UPDATE copy SET k = k + 1 WHERE p = 1');
    expect(await run('SELECT count(*), sum(k) FROM copy')).toEqual([[9n, 143n]]);
    expect(await run('SELECT count(*), sum(k) FROM origin')).toEqual([[9n, 42n]]);
    await run('DROP TABLE copy');
    expect(await run('SELECT count(*), sum(k) FROM origin')).toEqual([[9n, 42n]]);
  });
});

describe('EXPLAIN', () => {
  test('changes nothing', async () => {
    await run('CREATE TABLE ex AS SELECT i AS k FROM range(10) r(i)');
    const statements = [
      'CREATE TABLE ghost AS SELECT * FROM ex',
      'CREATE OR REPLACE TABLE ex AS SELECT 1 AS k',
      'INSERT INTO ex SELECT k FROM ex',
      'UPDATE ex SET k = 1 WHERE k > 3',
      'UPDATE ex SET k = 1',
      'DELETE FROM ex WHERE k = 1',
      'DELETE FROM ex',
      'DELETE FROM ex USING ex e2 WHERE ex.k = e2.k',
      'MERGE INTO ex USING (SELECT 1 AS k) s ON ex.k = s.k WHEN MATCHED THEN DELETE',
    ];
    for (const sql of statements) {
      const plan = await run(`EXPLAIN ${sql}`);
      expect(plan.length, sql).toBeGreaterThan(0);
    }
    expect(await run('SELECT count(*), sum(k) FROM ex')).toEqual([[10n, 45n]]);
    expect(await detail('ex', 'version')).toBe(0n);
    await expect(run('SELECT * FROM ghost')).rejects.toMatchObject({ sqlState: '42P01' });
  });
});

describe('ANALYZE', () => {
  test('counts different values for the planner', async () => {
    await run(`CREATE TABLE an AS SELECT i AS k, i % 7 AS g, 'x' AS c FROM range(1000) r(i)`);
    const counts = await run('ANALYZE an');
    expect(counts.map(([column, rows]) => [column, rows])).toEqual([
      ['k', 1000n],
      ['g', 1000n],
      ['c', 1000n],
    ]);
    const { tables } = await engine.snapshot();
    const distinct = tables.get('main.an')?.statistics?.map((each) => each?.distinct);
    expect(distinct?.[1]).toBe(7);
    expect(distinct?.[2]).toBe(1);
    expect(await run('ANALYZE an (g)')).toEqual([['g', 1000n, 7n]]);
    await run('CREATE OR REPLACE TABLE an AS SELECT 1 AS k');
    expect(await one('SELECT count(*) FROM an')).toBe(1n);
  });
});

describe('rules of tables', () => {
  test('are kept', async () => {
    await run(
      'CREATE TABLE gen (id BIGINT GENERATED ALWAYS AS IDENTITY (START WITH 10 INCREMENT BY 5), a INTEGER, b INTEGER GENERATED ALWAYS AS (a * 2), CONSTRAINT small CHECK (a < 100))',
    );
    await run('INSERT INTO gen (a) VALUES (1), (2)');
    await run('INSERT INTO gen (a) VALUES (3)');
    await run(
      'MERGE INTO gen USING (SELECT 4 AS a) s ON gen.a = s.a WHEN NOT MATCHED THEN INSERT (a) VALUES (s.a)',
    );
    await run('UPDATE gen SET a = 30 WHERE a = 3');
    expect(await run('SELECT id, a, b FROM gen ORDER BY id')).toEqual([
      [10n, 1, 2],
      [15n, 2, 4],
      [20n, 30, 60],
      [25n, 4, 8],
    ]);
    const refused: readonly (readonly [string, string])[] = [
      ['INSERT INTO gen (id, a) VALUES (1, 1)', '428C9'],
      ['UPDATE gen SET b = 1', '428C9'],
      ['UPDATE gen SET id = 1', '428C9'],
      ['INSERT INTO gen (a) VALUES (100)', '23514'],
      ['UPDATE gen SET a = 200 WHERE a = 1', '23514'],
      ['ALTER TABLE gen ADD CONSTRAINT tiny CHECK (a < 10)', '23514'],
      ['ALTER TABLE gen ADD CONSTRAINT small CHECK (a < 1000)', '42710'],
      ['CREATE TABLE bad (a INTEGER DEFAULT (SELECT 1))', '0A000'],
      ['CREATE TABLE bad (a INTEGER CHECK (a > random()))', '0A000'],
      ['CREATE TABLE bad (a INTEGER, b DOUBLE GENERATED ALWAYS AS (a + random()))', '0A000'],
      ['CREATE TABLE bad (a INTEGER CHECK (a IN (SELECT 1)))', '0A000'],
      [`CREATE TABLE bad (a VARCHAR DEFAULT getenv('HOME'))`, '42883'],
      [`CREATE TABLE bad (a VARCHAR CHECK (getenv('HOME') = a))`, '42883'],
      ['CREATE TABLE bad (a INTEGER, A INTEGER)', '42601'],
      ['CREATE TABLE bad (a NOTYPE)', '42704'],
      ['CREATE TABLE gen (a INTEGER)', '42P07'],
      ['CREATE TABLE nowhere.t (a INTEGER)', '3F000'],
      [`CREATE TABLE bad (a INTEGER) WITH ('delta.checkpointInterval' = 'x')`, '22023'],
      [`CREATE TABLE bad (a INTEGER) LOCATION '/etc/skein'`, '42501'],
    ];
    for (const [sql, sqlState] of refused) {
      await expect(run(sql), sql).rejects.toMatchObject({ sqlState });
    }
    await expect(run('SELECT * FROM bad')).rejects.toMatchObject({ sqlState: '42P01' });
  });

  test('of append-only tables hold', async () => {
    await run(`CREATE TABLE appends (k INTEGER) WITH ('delta.appendOnly' = true)`);
    await run('INSERT INTO appends VALUES (1)');
    await expect(run('DELETE FROM appends')).rejects.toMatchObject({ sqlState: '55000' });
    await expect(run('UPDATE appends SET k = 2')).rejects.toMatchObject({ sqlState: '55000' });
    expect(await run('SELECT * FROM appends')).toEqual([[1]]);
  });

  test('go with LIKE, and errors point into the statement', async () => {
    await run(
      `CREATE TABLE mapped (a INTEGER NOT NULL, s STRUCT(x INTEGER)) WITH ('delta.columnMapping.mode' = 'name')`,
    );
    await run(`CREATE TABLE alike (LIKE mapped)`);
    await run(`INSERT INTO alike VALUES (1, {'x': 2})`);
    expect(await run('SELECT a, s.x FROM alike')).toEqual([[1, 2]]);
    await expect(run('INSERT INTO alike (s) VALUES (NULL)')).rejects.toMatchObject({ sqlState: '23502' });
    const where = 'DELETE FROM alike WHERE a = 1 AND nope = 2';
    await expect(run(where)).rejects.toMatchObject({ sqlState: '42703', position: where.indexOf('nope') });
    const set = 'UPDATE alike SET a = a + oops WHERE a = 1';
    await expect(run(set)).rejects.toMatchObject({ sqlState: '42703', position: set.indexOf('oops') });
    const merge =
      'MERGE INTO alike USING (SELECT 1 AS k) src ON alike.a = src.k WHEN MATCHED AND src.gone THEN DELETE';
    await expect(run(merge)).rejects.toMatchObject({
      sqlState: '42703',
      position: merge.indexOf('src.gone'),
    });
    const values = 'INSERT INTO alike (a) VALUES (1), (missing + 1)';
    await expect(run(values)).rejects.toMatchObject({
      sqlState: '42703',
      position: values.indexOf('missing'),
    });
  });

  test('let one of several creators win', async () => {
    const made = await Promise.allSettled(
      Array.from({ length: 4 }, (_, index) => run(`CREATE TABLE race AS SELECT ${index} AS k`)),
    );
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await one('SELECT count(*) FROM race')).toBe(1n);
    await Promise.all(Array.from({ length: 4 }, () => run('CREATE TABLE IF NOT EXISTS calm (k INTEGER)')));
    expect(await one('SELECT count(*) FROM calm')).toBe(0n);
  });

  test('leave nothing of a table that could not be filled', async () => {
    const folder = join(dir, '_tables', 'main');
    const before = await readdir(folder);
    await expect(
      run(
        `CREATE TABLE half AS SELECT CASE WHEN i = 99999 THEN error('no') ELSE i END AS k FROM range(100000) r(i)`,
      ),
    ).rejects.toMatchObject({ sqlState: expect.any(String) as string });
    const files: string[] = [];
    for (const name of await readdir(folder)) {
      if (before.includes(name)) continue;
      files.push(
        ...(await readdir(join(folder, name), { recursive: true })).filter((file) =>
          file.endsWith('.parquet'),
        ),
      );
    }
    expect(files).toEqual([]);
    await expect(run('SELECT * FROM half')).rejects.toMatchObject({ sqlState: '42P01' });
  });

  test('external tables keep their files', async () => {
    const place = join(dir, 'ext');
    await run(`CREATE TABLE ext1 (k INTEGER) LOCATION '${place}'`);
    await run('INSERT INTO ext1 VALUES (5)');
    await run('DROP TABLE ext1');
    expect(existsSync(join(place, '_delta_log'))).toBe(true);
    await run(`CREATE TABLE ext2 LOCATION '${place}'`);
    expect(await run('SELECT * FROM ext2')).toEqual([[5]]);
  });
});
