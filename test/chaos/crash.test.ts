import { cp, mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Skein, type SqlValue } from '../../src/index.ts';
import { type EngineOptions, startEngine } from '../../src/main/index.ts';
import { type StoreStep, watchedStore } from '../support/faulty-store.ts';
import { NodeScript } from './processes.ts';

type Rows = readonly (readonly SqlValue[])[];

const built = (file: string): string => new URL(`../../dist/${file}`, import.meta.url).href;
const memory = 128 * 1024 * 1024;
const noRetention = `WITH ('delta.deletedFileRetentionDuration' = 'interval 0 hours',
  'delta.logRetentionDuration' = 'interval 0 hours', 'delta.checkpointInterval' = '2')`;
const setup = [
  `CREATE TABLE t PARTITIONED BY (p) ${noRetention} AS SELECT i AS k, i % 2 AS p, 0 AS n FROM range(10) r(i)`,
  'INSERT INTO t VALUES (10, 0, 0)',
];
const whole = 'SELECT k, p, n FROM t ORDER BY k';
/** What is written, and whether it makes a table that was not there before. */
const statements: readonly (readonly [string, string])[] = [
  ['an append', 'INSERT INTO t SELECT 100 + i, i % 2, 0 FROM range(4) r(i)'],
  ['an update', 'UPDATE t SET n = n + 1 WHERE k < 6'],
  ['a delete', 'DELETE FROM t WHERE p = 1'],
  [
    'a replacement',
    `CREATE OR REPLACE TABLE t ${noRetention} AS SELECT 1::BIGINT AS k, 1::BIGINT AS p, 7 AS n`,
  ],
  ['a drop', 'DROP TABLE t'],
];

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skein-crash-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function rowsOf(skein: Pick<Skein, 'query'>, sql: string): Promise<Rows> {
  return (await skein.query(sql).rows({ as: 'arrays' })) as Rows;
}

/** The table's rows; undefined where there is no such table. */
async function state(skein: Skein): Promise<Rows | undefined> {
  return await rowsOf(skein, whole).catch((error: { readonly sqlState?: string }) => {
    if (error.sqlState === '42P01') return undefined;
    throw error;
  });
}

async function open(data: string): Promise<Skein> {
  return await Skein.open({ data, spool: join(dir, 'spool'), threads: 1, memory });
}

/** Files of tables, without logs. */
async function dataFiles(data: string): Promise<string[]> {
  const entries = await readdir(join(data, '_tables'), { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  return files.filter((file) => !file.includes('/_delta_log/')).sort();
}

async function engineWith(data: string, wrapStore: EngineOptions['wrapStore']) {
  return await startEngine({
    data,
    spoolDir: join(dir, 'spool'),
    threads: 1,
    memoryBytes: memory,
    wrapStore,
  });
}

async function run(engine: Awaited<ReturnType<typeof engineWith>>, sql: string): Promise<void> {
  const handle = await engine.queryService.submit({ sql });
  for await (const _ of handle.batches);
}

describe.each(statements)('a crash in %s', (_, sql) => {
  test('leaves the table as before or after, at every step, and VACUUM the rest', async () => {
    const home = await mkdtemp(join(dir, 'steps-'));
    const data = join(home, 'data');
    await cp(await prepared(), data, { recursive: true, preserveTimestamps: true });
    const steps: { readonly step: StoreStep; readonly copy: string }[] = [];
    let watching = Promise.resolve();
    // What lies on disk at a step is what a kill there leaves.
    const engine = await engineWith(data, (store) =>
      watchedStore(store, async (step) => {
        watching = watching.then(async () => {
          const copy = join(home, `step-${steps.length}`);
          await cp(data, copy, { recursive: true, preserveTimestamps: true });
          steps.push({ step, copy });
        });
        await watching;
      }),
    );
    await run(engine, sql);
    await engine.close();
    const after = await using(data, state);
    expect(after).not.toEqual(before);
    let committed = false;
    let orphans = 0;
    for (const { step, copy } of steps) {
      const where = `${step.when} ${step.method} ${relative(data, step.location)}`;
      const found = await using(copy, async (skein) => {
        const rows = await state(skein);
        if (rows !== undefined) {
          await rowsOf(skein, 'VACUUM t RETAIN 0 HOURS');
          expect(await rowsOf(skein, whole), where).toEqual(rows);
          const live = await rowsOf(skein, `SELECT count(*) FROM system.files WHERE table_name = 't'`);
          const managed = (await dataFiles(copy)).length;
          orphans += managed - Number(live[0]?.[0]);
          await rowsOf(skein, 'INSERT INTO t VALUES (1000, 1, 1)');
        }
        return rows;
      });
      const isAfter = JSON.stringify(found, bigints) === JSON.stringify(after, bigints);
      if (!isAfter) expect(found, where).toEqual(before);
      // Once there it stays.
      expect(isAfter || !committed, where).toBe(true);
      committed = isAfter;
    }
    expect(committed).toBe(true);
    if (!/REPLACE|DROP/.test(sql)) expect(orphans).toBe(0);
  });
});

const bigints = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);
let before: Rows | undefined;
let preparing: Promise<string> | undefined;

/** A folder with the table, before. */
function prepared(): Promise<string> {
  preparing ??= (async () => {
    const data = await mkdtemp(join(dir, 'prepared-'));
    before = await using(data, async (skein) => {
      for (const sql of setup) await rowsOf(skein, sql);
      return await state(skein);
    });
    return data;
  })();
  return preparing;
}

async function using<T>(data: string, work: (skein: Skein) => Promise<T>): Promise<T> {
  await using skein = await open(data);
  return await work(skein);
}

describe('a process that is killed', () => {
  /** Kills itself at the given change of the given kind. */
  const script = (data: string, sql: string, pattern: string, when: string): string => `
    import { startEngine } from ${JSON.stringify(built('main/index.js'))};
    const at = async (when, location) => {
      if (when === '${when}' && new RegExp(${JSON.stringify(pattern)}).test(location)) {
        process.kill(process.pid, 'SIGKILL');
        await new Promise(() => setInterval(() => {}, 1000));
      }
    };
    const wrapStore = (store) => new Proxy(store, {
      get(target, name) {
        const value = target[name];
        if (typeof value !== 'function') return value;
        if (name !== 'put' && name !== 'putIfAbsent') return value.bind(target);
        return async (key, ...rest) => {
          await at('before', key);
          const result = await value.call(target, key, ...rest);
          await at('after', key);
          return result;
        };
      },
    });
    const engine = await startEngine({ data: ${JSON.stringify(data)}, spoolDir: ${JSON.stringify(join(dir, 'spool'))},
      threads: 1, memoryBytes: ${memory}, wrapStore });
    const handle = await engine.queryService.submit({ sql: ${JSON.stringify(sql)} });
    for await (const batch of handle.batches) console.log('answered');
    console.log('ended');
    // What comes after the statement: checkpoints.
    await new Promise((resolve) => setTimeout(resolve, 5000));
    process.exit(0);`;

  async function killed(data: string, sql: string, pattern: string, when: string): Promise<NodeScript> {
    const child = new NodeScript(script(data, sql, pattern, when));
    await child.ended(60_000);
    expect(child.child.signalCode, child.output).toBe('SIGKILL');
    return child;
  }

  const copied = async (): Promise<string> => {
    const data = await mkdtemp(join(dir, 'killed-'));
    await cp(await prepared(), data, { recursive: true, preserveTimestamps: true });
    return data;
  };

  test.each([
    ['before', 'parquet$', false],
    ['after', 'parquet$', false],
    ['before', '_delta_log/0+2\\.json$', false],
    ['after', '_delta_log/0+2\\.json$', true],
  ] as const)('%s writing %s leaves the table as before or after', async (when, pattern, isAfter) => {
    const data = await copied();
    const child = await killed(data, 'UPDATE t SET n = n + 1 WHERE k < 6', pattern, when);
    expect(child.output).not.toContain('ended');
    const rows = await using(data, state);
    const changed = before?.map(([k, p, n]) => [k, p, Number(k) < 6 ? Number(n) + 1 : n]);
    expect(rows).toEqual(isAfter ? changed : before);
  });

  test.each([
    ['before', 'checkpoint[^/]*parquet$'],
    ['after', 'checkpoint[^/]*parquet$'],
    ['before', '_last_checkpoint$'],
    ['after', '_last_checkpoint$'],
  ] as const)('%s writing %s loses nothing of what was committed', async (when, pattern) => {
    const data = await copied();
    await killed(data, 'UPDATE t SET n = n + 1 WHERE k < 6', pattern, when);
    await using skein = await open(data);
    expect(await state(skein)).toEqual(before?.map(([k, p, n]) => [k, p, Number(k) < 6 ? Number(n) + 1 : n]));
    for (let round = 0; round < 3; round += 1) await rowsOf(skein, 'UPDATE t SET n = n + 1 WHERE k = 0');
    expect(await rowsOf(skein, 'SELECT n FROM t WHERE k = 0')).toEqual([[4]]);
  });

  /** What tables there are, and what is in them. */
  const tables = async (skein: Skein): Promise<Readonly<Record<string, Rows>>> => {
    const names = await rowsOf(skein, 'SHOW TABLES');
    const found = names.map(
      async ([name]) =>
        [String(name), await rowsOf(skein, `SELECT * FROM ${String(name)} ORDER BY ALL`)] as const,
    );
    return Object.fromEntries(await Promise.all(found));
  };

  const names = '_skein/catalog/[^/]*[.]json$';
  describe.each([
    ['CREATE TABLE made (a INTEGER, b VARCHAR)', names],
    ['CREATE TABLE made PARTITIONED BY (b) AS SELECT i AS a, i % 3 AS b FROM range(100) r(i)', names],
    ['CREATE OR REPLACE TABLE t AS SELECT 1 AS k, 2 AS p, 3 AS n', '_delta_log/0+2[.]json$'],
    ['ALTER TABLE t RENAME TO made', names],
    ['DROP TABLE t', names],
  ])('by %s', (sql, pattern) => {
    test.each(['before', 'after'] as const)('%s it is committed leaves all tables so', async (when) => {
      const data = await copied();
      const old = await using(data, tables);
      await killed(data, sql, pattern, when);
      const found = await using(data, tables);
      const whole = await copied();
      await using(whole, (skein) => rowsOf(skein, sql));
      expect(found).toEqual(when === 'before' ? old : await using(whole, tables));
      await using(data, async (skein) => {
        expect(await rowsOf(skein, 'VACUUM')).toEqual([]);
        const weekAgo = new Date(Date.now() - 8 * 86_400_000);
        const entries = await readdir(join(data, '_tables'), { recursive: true, withFileTypes: true });
        for (const { parentPath, name } of entries) await utimes(join(parentPath, name), weekAgo, weekAgo);
        const gone = await rowsOf(skein, 'VACUUM DRY RUN');
        expect(await rowsOf(skein, 'VACUUM')).toEqual(gone);
        expect(await rowsOf(skein, 'VACUUM')).toEqual([]);
        expect(await tables(skein)).toEqual(found);
        const left = await readdir(join(data, '_tables', 'main'), { recursive: true, withFileTypes: true });
        const logs = left.filter(({ name }) => name === '00000000000000000000.json');
        expect(logs.length).toBe(Object.keys(found).length);
      });
    });
  });
});
