import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SqlValue } from '../../src/types/index.ts';
import { startTestEngine, type TestEngine } from '../support/engine.ts';

const off = { local_bypass: 'off' };
let dir: string;
let engine: TestEngine;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skein-tables-'));
  engine = await startTestEngine({ dataDir: dir, workers: 3 });
});

afterAll(async () => {
  await engine.close();
  await rm(dir, { recursive: true, force: true });
});

const run = (sql: string): Promise<readonly (readonly SqlValue[])[]> => engine.rows(sql, off);

describe('a table', () => {
  test('is made, filled, changed and dropped', async () => {
    await run(`CREATE TABLE people (id BIGINT NOT NULL, name VARCHAR DEFAULT 'nobody', born DATE)`);
    expect(await run('SELECT * FROM people')).toEqual([]);
    expect(await run(`INSERT INTO people VALUES (1, 'Ada', DATE '1815-12-10'), (2, 'Bob', NULL)`)).toEqual([
      [2n],
    ]);
    expect(await run('INSERT INTO people (id) VALUES (3)')).toEqual([[1n]]);
    expect(await run('SELECT * FROM people ORDER BY id')).toEqual([
      [1n, 'Ada', '1815-12-10'],
      [2n, 'Bob', null],
      [3n, 'nobody', null],
    ]);
    expect(await run(`UPDATE people SET name = upper(name), born = DATE '2000-01-01' WHERE id >= 2`)).toEqual(
      [[2n]],
    );
    expect(await run('DELETE FROM people WHERE id = 1')).toEqual([[1n]]);
    expect(await run('SELECT * FROM people ORDER BY id')).toEqual([
      [2n, 'BOB', '2000-01-01'],
      [3n, 'NOBODY', '2000-01-01'],
    ]);
    await expect(run('INSERT INTO people (name) VALUES (NULL)')).rejects.toMatchObject({ sqlState: '23502' });
    await run('DROP TABLE people');
    await expect(run('SELECT * FROM people')).rejects.toMatchObject({ sqlState: '42P01' });
  });

  test.each(['BLOB', 'INTERVAL', 'JSON', 'INTEGER[]', 'STRUCT(a INTEGER)'])(
    'is not made where it would be partitioned by %s',
    async (type) => {
      const create = run(`CREATE TABLE unmade (a INTEGER, p ${type}) PARTITIONED BY (p)`);
      await expect(create).rejects.toMatchObject({ sqlState: '0A000' });
      await expect(run('FROM unmade')).rejects.toMatchObject({ sqlState: '42P01' });
    },
  );

  test('says which row its partitions cannot keep, and adds nothing', async () => {
    await run('CREATE TABLE spelled (a INTEGER, p VARCHAR) PARTITIONED BY (p)');
    await expect(run("INSERT INTO spelled VALUES (1, 'x'), (2, '')")).rejects.toMatchObject({
      sqlState: '22003',
      message: expect.stringContaining('"p"'),
    });
    await run("INSERT INTO spelled VALUES (1, 'x')");
    await expect(run("UPDATE spelled SET p = ''")).rejects.toMatchObject({ sqlState: '22003' });
    expect(await run('FROM spelled')).toEqual([[1, 'x']]);
  });

  test('cannot be changed while a column has the name of a hidden one, and says so', async () => {
    await run('CREATE TABLE hiding (_skein_row INTEGER, a INTEGER)');
    await run('INSERT INTO hiding VALUES (1, 2)');
    for (const sql of ['UPDATE hiding SET a = 3', 'DELETE FROM hiding WHERE a = 2']) {
      await expect(run(sql)).rejects.toMatchObject({
        sqlState: '0A000',
        message: expect.stringContaining('_skein_row'),
      });
    }
    expect(await run('FROM hiding')).toEqual([[1, 2]]);
    await run('DROP TABLE hiding');
  });

  test('is described with what its columns must be, and what they are by default', async () => {
    await run(
      `CREATE TABLE told (a INTEGER NOT NULL, "B b" VARCHAR DEFAULT 'it''s', c DATE DEFAULT current_date)`,
    );
    expect(await run('DESCRIBE told')).toEqual([
      ['a', 'INTEGER', 'NO', null, null, null],
      ['B b', 'VARCHAR', 'YES', null, "'it''s'", null],
      ['c', 'DATE', 'YES', null, expect.stringMatching(/current_date/i), null],
    ]);
    const nullable = `SELECT is_nullable FROM information_schema.columns WHERE table_name = 'told' ORDER BY ordinal_position`;
    expect(await run(nullable)).toEqual([['NO'], ['YES'], ['YES']]);
    await run('ALTER TABLE told ALTER COLUMN a DROP NOT NULL');
    expect(await run(nullable)).toEqual([['YES'], ['YES'], ['YES']]);
    await run('DROP TABLE told');
  });

  test('is made of a query, partitioned and sharded', async () => {
    expect(
      await run(
        `CREATE TABLE t PARTITIONED BY (p) SHARDED BY HASH (k) INTO 4 SHARDS AS SELECT i AS k, i % 3 AS p, 'x' || i AS s FROM range(1000) r(i)`,
      ),
    ).toEqual([[1000n]]);
    expect(await run('SELECT p, count(*), sum(k) FROM t GROUP BY p ORDER BY p')).toEqual([
      [0n, 334n, 166833n],
      [1n, 333n, 166167n],
      [2n, 333n, 166500n],
    ]);
    expect(await run('SELECT count(*) FROM t AT (VERSION => 0)')).toEqual([[1000n]]);
    expect(await run('DELETE FROM t WHERE p = 1 AND k < 500')).toEqual([[167n]]);
    expect(await run('SELECT count(*) FROM t')).toEqual([[833n]]);
    expect(await run('SELECT count(*) FROM t AT (VERSION => 0)')).toEqual([[1000n]]);
    await run('RESTORE t TO VERSION AS OF 0');
    expect(await run('SELECT count(*) FROM t')).toEqual([[1000n]]);
    expect(await run('TRUNCATE t')).toEqual([[1000n]]);
    expect(await run('SELECT count(*) FROM t')).toEqual([[0n]]);
  });

  test('is merged into', async () => {
    await run('CREATE TABLE target AS SELECT i AS k, i * 10 AS v FROM range(10) r(i)');
    const merged = await run(
      `MERGE INTO target t USING (SELECT i AS k, i * 100 AS v FROM range(5, 15) r(i)) s ON t.k = s.k
       WHEN MATCHED AND s.k = 5 THEN DELETE WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT *`,
    );
    expect(merged).toEqual([[10n]]);
    expect(await run('SELECT * FROM target ORDER BY k')).toEqual([
      ...[0, 1, 2, 3, 4].map((k) => [BigInt(k), BigInt(k * 10)]),
      ...[6, 7, 8, 9, 10, 11, 12, 13, 14].map((k) => [BigInt(k), BigInt(k * 100)]),
    ]);
  });
});
