import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestEngine, type TestEngine } from '../support/engine.ts';

let dir: string;
let engine: TestEngine;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skein-metrics-'));
  engine = await startTestEngine({ dataDir: dir, workers: 2 });
});

afterAll(async () => {
  await engine.close();
  await rm(dir, { recursive: true, force: true });
});

interface LogAction {
  readonly add?: { readonly path: string; readonly size: number; readonly stats: string };
  readonly remove?: { readonly path: string; readonly size: number };
  readonly cdc?: object;
}

/** Of files; `rows` of those that were added. */
interface Did {
  readonly added: number;
  readonly addedBytes: number;
  readonly rows: number;
  readonly removed: number;
  readonly removedBytes: number;
  readonly changeFiles: number;
}

/** What the newest commit of a table did, from its actions: files that only got a deletion vector are neither. */
async function done(table: string): Promise<Did> {
  const parent = join(dir, '_tables', 'main');
  const folder = (await readdir(parent)).find((name) => name.startsWith(`${table}-`)) ?? '';
  const log = join(parent, folder, '_delta_log');
  const names = (await readdir(log)).filter((name) => /^\d+\.json$/.test(name)).sort();
  const text = await readFile(join(log, names.at(-1) ?? ''), 'utf8');
  const actions = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as LogAction);
  const adds = actions.flatMap(({ add }) => (add === undefined ? [] : [add]));
  const removes = actions.flatMap(({ remove }) => (remove === undefined ? [] : [remove]));
  const added = adds.filter(({ path }) => !removes.some((file) => file.path === path));
  const removed = removes.filter(({ path }) => !adds.some((file) => file.path === path));
  return {
    added: added.length,
    addedBytes: added.reduce((sum, { size }) => sum + size, 0),
    rows: added.reduce((sum, { stats }) => sum + (JSON.parse(stats) as { numRecords: number }).numRecords, 0),
    removed: removed.length,
    removedBytes: removed.reduce((sum, { size }) => sum + size, 0),
    changeFiles: actions.filter(({ cdc }) => cdc !== undefined).length,
  };
}

/** Runs a statement. @returns the operation that the history has for it, its metrics, and what its commit did */
async function run(table: string, sql: string) {
  await engine.rows(sql, { local_bypass: 'off' });
  const [newest = []] = await engine.rows(`DESCRIBE HISTORY ${table} LIMIT 1`);
  const texts = JSON.parse(String(newest[4])) as Readonly<Record<string, string>>;
  const metrics = Object.fromEntries(Object.entries(texts).map(([name, value]) => [name, Number(value)]));
  return { operation: newest[2], metrics, did: await done(table) };
}

const ofWrite = ({ added, addedBytes, rows }: Did) => ({
  numFiles: added,
  numOutputRows: rows,
  numOutputBytes: addedBytes,
});

const ofFiles = ({ added, addedBytes, removed, removedBytes }: Did) => ({
  numAddedFiles: added,
  numAddedBytes: addedBytes,
  numRemovedFiles: removed,
  numRemovedBytes: removedBytes,
});

const ofMerge = ({ added, addedBytes, rows, removed, removedBytes, changeFiles }: Did) => ({
  numOutputRows: rows,
  numTargetFilesAdded: added,
  numTargetBytesAdded: addedBytes,
  numTargetFilesRemoved: removed,
  numTargetBytesRemoved: removedBytes,
  numTargetChangeFilesAdded: changeFiles,
});

describe('the history says what was done', () => {
  test('by statements that bring rows in', async () => {
    for (const [sql, operation, rows] of [
      ['CREATE TABLE made AS SELECT i AS k FROM range(10) r(i)', 'CREATE TABLE AS SELECT', 10],
      ['INSERT INTO made SELECT i FROM range(7) r(i)', 'WRITE', 7],
      ['INSERT OVERWRITE made SELECT i FROM range(5) r(i)', 'WRITE', 5],
      [
        'CREATE OR REPLACE TABLE made AS SELECT i AS j FROM range(4) r(i)',
        'CREATE OR REPLACE TABLE AS SELECT',
        4,
      ],
    ] as const) {
      const { did, ...history } = await run('made', sql);
      expect(did.rows, sql).toBe(rows);
      expect(history, sql).toEqual({ operation, metrics: ofWrite(did) });
    }
    expect(await run('empty', 'CREATE TABLE empty (k BIGINT)')).toMatchObject({
      operation: 'CREATE TABLE',
      metrics: {},
    });
  });

  const kinds = [
    ['rewriting files', '', true],
    ['with deletion vectors', `WITH ('delta.enableDeletionVectors' = true)`, false],
    ['with change data', `WITH ('delta.enableChangeDataFeed' = true)`, true],
  ] as const;
  test.each(kinds)('by statements that change rows, %s', async (name, properties, copies) => {
    const t = `t_${name.replaceAll(' ', '_')}`;
    await run(t, `CREATE TABLE ${t} ${properties} AS SELECT i AS k, 0 AS v FROM range(100) r(i)`);
    await run(t, `INSERT INTO ${t} SELECT i, 1 FROM range(100, 110) r(i)`);

    const updated = await run(t, `UPDATE ${t} SET v = 5 WHERE k = 3 OR k = 4`);
    expect(updated.operation).toBe('UPDATE');
    expect(updated.did.rows - 2 > 0).toBe(copies);
    expect(updated.metrics).toEqual({
      numUpdatedRows: 2,
      numCopiedRows: updated.did.rows - 2,
      numAddedChangeFiles: updated.did.changeFiles,
      ...ofFiles(updated.did),
    });

    const deleted = await run(t, `DELETE FROM ${t} WHERE k = 5 OR k >= 100`);
    expect(deleted.operation).toBe('DELETE');
    expect(deleted.did.removed > 0).toBe(true);
    expect(deleted.did.rows > 0).toBe(copies);
    expect(deleted.metrics).toEqual({
      numDeletedRows: 11,
      numCopiedRows: deleted.did.rows,
      numAddedChangeFiles: deleted.did.changeFiles,
      ...ofFiles(deleted.did),
    });

    const merged = await run(
      t,
      `MERGE INTO ${t} t USING (SELECT i AS k FROM range(8, 12) r(i) UNION ALL SELECT 200 UNION ALL SELECT 201) s ON t.k = s.k
        WHEN MATCHED AND s.k = 8 THEN DELETE WHEN MATCHED THEN UPDATE SET v = 9 WHEN NOT MATCHED THEN INSERT (k, v) VALUES (s.k, 2)`,
    );
    expect(merged.operation).toBe('MERGE');
    expect(merged.did.rows - 5 > 0).toBe(copies);
    expect(merged.metrics).toEqual({
      numTargetRowsInserted: 2,
      numTargetRowsUpdated: 3,
      numTargetRowsDeleted: 1,
      numTargetRowsCopied: merged.did.rows - 5,
      ...ofMerge(merged.did),
    });

    const truncated = await run(t, `TRUNCATE ${t}`);
    expect(truncated.operation).toBe('DELETE');
    expect(truncated.metrics).toEqual({
      numDeletedRows: 100,
      numCopiedRows: 0,
      numAddedChangeFiles: 0,
      ...ofFiles(truncated.did),
    });
  });

  test('by OPTIMIZE and RESTORE', async () => {
    await run('kept', 'CREATE TABLE kept AS SELECT i AS k FROM range(10) r(i)');
    for (const n of [1, 2, 3]) await run('kept', `INSERT INTO kept VALUES (${n})`);
    const optimized = await run('kept', 'OPTIMIZE kept');
    expect(optimized.operation).toBe('OPTIMIZE');
    expect(optimized.did).toMatchObject({ added: 1, rows: 13 });
    expect(optimized.metrics).toEqual(ofFiles(optimized.did));

    const restored = await run('kept', 'RESTORE kept TO VERSION AS OF 2');
    const [detail] = await engine.rows(
      `SELECT count(*), sum(bytes) FROM system.files WHERE table_name = 'kept'`,
    );
    expect(restored.operation).toBe('RESTORE');
    expect(restored.metrics).toEqual({
      numRestoredFiles: restored.did.added,
      restoredFilesSize: restored.did.addedBytes,
      numRemovedFiles: 1,
      removedFilesSize: restored.did.removedBytes,
      numOfFilesAfterRestore: Number(detail?.[0]),
      tableSizeAfterRestore: Number(detail?.[1]),
    });
  });
});
