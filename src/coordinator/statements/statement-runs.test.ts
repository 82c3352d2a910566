import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bareDuckDb } from '../../../test/support/bare-duckdb.ts';
import { makeSplittable, startTestEngine, type TestEngine } from '../../../test/support/engine.ts';
import { FolderStore } from '../../../test/support/folder-store.ts';
import type { Runner } from '../../../test/support/runner.ts';
import type { RunTaskRequest } from '../../rpc/index.ts';
import { keyOfPath, type TableWrite, type WrittenFile } from '../../storage/index.ts';
import { type Schema, type SqlValue, scalar } from '../../types/index.ts';
import type { QueryHandle } from '../query-service.ts';
import type { StatementContext, StatementResult, WriteRequest } from './statement-context.ts';

const counted: Schema = [{ name: 'Count', type: scalar('BIGINT') }];
const off = { local_bypass: 'off' };

let scratch: string;
let bare: Runner;
let engine: TestEngine;
let single: TestEngine;
const beforeTask: (worker: string, request: RunTaskRequest) => Promise<void> = async () => {};
let store: FolderStore;
let serial = 0;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'skein-write-'));
  await makeSplittable('test/data/tpch/sf0.01', join(scratch, 'data'));
  const openStore = () => store;
  engine = await startTestEngine({
    dataDir: join(scratch, 'data'),
    workers: 4,
    openStore,
    faults: (worker) => ({ beforeTask: (request) => beforeTask(worker, request) }),
  });
  single = await startTestEngine({ dataDir: join(scratch, 'data'), workers: 1, openStore });
  bare = await bareDuckDb([]);
});

afterAll(async () => {
  await engine.close();
  await single.close();
  await bare.close();
  await rm(scratch, { recursive: true, force: true });
});

function newTable(): string {
  serial += 1;
  store = new FolderStore(join(scratch, `table${serial}`));
  return store.root;
}

/** All columns as they are, except those that the table is partitioned by. */
function asIs(location: string, change: Partial<TableWrite> = {}, partitionBy: readonly string[] = []) {
  return (columns: Schema): TableWrite => {
    const all = columns.map((column, position) => ({ ...column, position }));
    return {
      location,
      columns: all
        .filter(({ name }) => !partitionBy.includes(name))
        .map(({ name, type, position }) => ({
          position,
          required: false,
          stored: { name, type, fieldId: undefined, children: [] },
        })),
      partitionBy: all
        .filter(({ name }) => partitionBy.includes(name))
        .map(({ name, type, position }) => ({ position, name, type })),
      shardColumn: undefined,
      targetFileBytes: 64 * 1024 ** 2,
      folder: '',
      ...change,
    };
  };
}

interface Insert {
  readonly handle: QueryHandle;
  readonly rows: readonly (readonly SqlValue[])[];
  readonly files: readonly WrittenFile[];
}

/** Runs a write as a statement that answers the number of rows. */
async function insert(
  sql: string,
  write: WriteRequest['write'],
  options: Partial<WriteRequest> = {},
  on = engine,
): Promise<Insert> {
  let files: readonly WrittenFile[] = [];
  const work = async (context: StatementContext): Promise<StatementResult> => {
    context.announce(counted);
    const outcome = await context.runWrite({ query: { sql, offset: 0 }, write, ...options });
    files = outcome.files;
    context.affected(outcome.rows);
    return { columns: counted, rows: [[BigInt(outcome.rows)]] };
  };
  const handle = await on.service.run({ sql, settings: off }, work);
  const rows: (readonly SqlValue[])[] = [];
  for await (const batch of handle.batches) {
    for (let row = 0; row < batch.rowCount; row += 1)
      rows.push(batch.columns.map((values) => values[row] ?? null));
  }
  return { handle, rows, files };
}

async function onDisk(): Promise<readonly string[]> {
  const entries = await readdir(store.root, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Differences between the files' rows and those of TPC-H's file. */
async function differences(files: readonly WrittenFile[], columns: string): Promise<bigint> {
  const list = files.map(({ path }) => `'${join(store.root, keyOfPath(path))}'`).join(', ');
  const written = `SELECT ${columns} FROM read_parquet([${list}])`;
  const wanted = `SELECT ${columns} FROM 'test/data/tpch/sf0.01/lineitem.parquet'`;
  const { rows } = await bare.query(
    `SELECT (SELECT count(*) FROM (${written} EXCEPT ALL ${wanted})) + (SELECT count(*) FROM (${wanted} EXCEPT ALL ${written}))`,
  );
  return rows[0]?.[0] as bigint;
}

describe('a statement that writes', () => {
  it.each([
    ['4 workers', () => engine, 4],
    ['1 worker', () => single, 1],
  ] as const)('writes every row once on %s', async (_, on, tasks) => {
    const location = newTable();
    const { rows, files, handle } = await insert('SELECT * FROM lineitem', asIs(location), {}, on());
    expect(rows).toEqual([[60_175n]]);
    expect(files.length).toBe(tasks);
    expect(await differences(files, '*')).toBe(0n);
    expect((await onDisk()).length).toBe(files.length);
    expect(handle.info()).toMatchObject({ state: 'finished', stats: { rows: 60_175 } });
    const tree = on().service.tree(handle.id);
    const writer = tree?.stages.find(({ written }) => written !== undefined);
    expect(writer?.written).toMatchObject({ rows: 60_175, files: tasks });
  });

  it('writes by partition and shard, one file for each', async () => {
    const location = newTable();
    const { files } = await insert(
      'SELECT *, (l_orderkey % 3)::INTEGER AS shard FROM lineitem',
      (columns) => {
        const write = asIs(location, {}, ['l_linenumber'])(columns);
        const shard = columns.length - 1;
        return {
          ...write,
          columns: write.columns.filter(({ position }) => position !== shard),
          shardColumn: shard,
        };
      },
    );
    expect(files.reduce((sum, file) => sum + file.rows, 0)).toBe(60_175);
    const keys = files.map(({ partitionValues, shard }) => `${partitionValues.l_linenumber} ${shard}`);
    // A shard is written by one task.
    expect(new Set(keys).size).toBe(files.length);
    const { rows } = await bare.query(
      `SELECT count(*) FROM (SELECT DISTINCT l_linenumber, l_orderkey % 3 FROM 'test/data/tpch/sf0.01/lineitem.parquet')`,
    );
    expect(files.length).toBe(Number(rows[0]?.[0]));
    expect(await differences(files, 'l_orderkey, l_comment')).toBe(0n);
  });

  it('keeps the order that the query or the write asks for', async () => {
    const location = newTable();
    const write = asIs(location, { targetFileBytes: 500_000 });
    const byQuery = await insert('SELECT * FROM lineitem ORDER BY l_comment', write);
    const sorted = await insert('SELECT * FROM lineitem', write, {
      layout: { kind: 'sorted', columns: [0, 3] },
    });
    for (const [files, key] of [
      [byQuery.files, 'l_comment'],
      [sorted.files, '(l_orderkey, l_linenumber)'],
    ] as const) {
      expect(files.length).toBeGreaterThan(1);
      expect(await differences(files, '*')).toBe(0n);
      for (const { path } of files) {
        const file = `'${join(store.root, keyOfPath(path))}'`;
        const { rows } = await bare.query(
          `SELECT count(*) FROM (SELECT ${key} AS k, lag(${key}) OVER () AS before FROM ${file}) WHERE k < before`,
        );
        expect(rows).toEqual([[0n]]);
      }
    }
  });

  it('writes values, and nothing for no rows', async () => {
    const location = newTable();
    const few = await insert(`SELECT * FROM (VALUES (1, 'a'), (2, 'b')) t(x, y)`, asIs(location));
    expect(few.rows).toEqual([[2n]]);
    expect(few.files.length).toBe(1);
    const none = await insert('SELECT * FROM lineitem WHERE l_orderkey < 0', asIs(location));
    expect(none.rows).toEqual([[0n]]);
    expect(none.files).toEqual([]);
  });

  it('reads tables of its own beside the catalog, and small results whole', async () => {
    newTable();
    const snapshot = await engine.snapshot();
    const nation = snapshot.tables.get('main.nation');
    if (nation === undefined) throw new Error('no nation');
    const handle = await engine.service.run({ sql: 'ask' }, async (context) => {
      const tables = new Map([['main.mine', { ...nation, name: 'main.mine' }]]);
      const query = { sql: 'SELECT count(*) AS n FROM mine', offset: undefined, tables };
      expect(await context.bindColumns(query)).toEqual([{ name: 'n', type: scalar('BIGINT') }]);
      await expect(context.runRows({ sql: 'SELECT * FROM lineitem', offset: 0 }, 100)).rejects.toMatchObject({
        sqlState: '54000',
      });
      const failing = context.runRows({ sql: 'SELECT nothing FROM nation', offset: undefined });
      await expect(failing).rejects.toMatchObject({ sqlState: '42703', position: undefined });
      return await context.runRows(query);
    });
    const rows: unknown[] = [];
    for await (const batch of handle.batches) rows.push(...batch.columns);
    expect(rows).toEqual([[25n]]);
    await expect(engine.rows('SELECT * FROM mine')).rejects.toMatchObject({ sqlState: '42P01' });
  });
});

describe('EXPLAIN', () => {
  const explain = async (explained: string): Promise<string> => {
    const create =
      'CREATE OR REPLACE TABLE explained (k BIGINT, mode VARCHAR, c VARCHAR) PARTITIONED BY (mode)';
    const own = await startTestEngine({ dataDir: join(scratch, 'data'), workers: 2 });
    try {
      await own.rows(create);
      const lines = (await own.rows(explained, off)).map(([line]) => String(line));
      const { rows } = { rows: await own.rows('SELECT count(*) FROM explained') };
      return `${lines.join('\n')}\n${String(rows[0]?.[0])} rows in the table`;
    } finally {
      await own.close();
    }
  };

  it('shows what would be written, and writes nothing', async () => {
    const text = await explain(
      'EXPLAIN INSERT INTO explained SELECT l_orderkey, l_shipmode, l_comment FROM lineitem WHERE l_quantity > 10',
    );
    expect(text).toMatch(
      /write table .*_tables\/main\/explained-.* ~49,122\n +columns: k, c\n +partitioned by: mode/,
    );
    expect(text).toMatch(/^0 rows in the table$/m);
  });

  it('shows what was written', async () => {
    const text = await explain(
      `EXPLAIN ANALYZE INSERT INTO explained SELECT l_orderkey, 'a', l_comment FROM lineitem`,
    );
    expect(text).toMatch(/60,175 rows; estimated ~60,175 rows, .*wrote \d+ files?, [\d.]+ KB/);
    expect(text).toMatch(/^60175 rows in the table$/m);
  });
});

describe('a write that goes wrong', () => {
  it('writes every row once where a worker dies', async () => {
    const location = newTable();
    const dying = await engine.addWorker();
    let killed = false;
    store.beforePut = async () => {
      if (killed) return;
      killed = true;
      await engine.kill(dying);
    };
    const { files, rows } = await insert('SELECT * FROM lineitem', asIs(location));
    store.beforePut = () => {};
    expect(rows).toEqual([[60_175n]]);
    expect(await differences(files, '*')).toBe(0n);
  });

  it('leaves no file where a task fails for good', async () => {
    const location = newTable();
    const failing = insert(
      `SELECT l_orderkey, CASE WHEN l_orderkey = 60_000 THEN error('no') ELSE l_comment END AS c FROM lineitem`,
      asIs(location),
    );
    await expect(failing).rejects.toMatchObject({ message: expect.stringContaining('no') as string });
    await expect.poll(onDisk).toEqual([]);
  });

  it('leaves no file where it is canceled, and none where its files are not wanted', async () => {
    const location = newTable();
    const abort = new AbortController();
    store.beforePut = (_, count) => {
      if (count === 3) abort.abort();
    };
    const work = async (context: StatementContext): Promise<StatementResult> => {
      await context.runWrite({ query: { sql: 'SELECT * FROM lineitem', offset: 0 }, write: asIs(location) });
      return { columns: counted, rows: [] };
    };
    const canceled = engine.service.run({ sql: 'write', settings: off, signal: abort.signal }, work);
    await expect(canceled).rejects.toMatchObject({ sqlState: '57014' });
    await expect.poll(onDisk).toEqual([]);
    store.beforePut = () => {};
    const unwanted = engine.service.run({ sql: 'write', settings: off }, async (context) => {
      const { files } = await context.runWrite({
        query: { sql: 'SELECT * FROM lineitem', offset: 0 },
        write: asIs(location),
      });
      expect((await onDisk()).length).toBe(files.length);
      await context.releaseWritten(location, files);
      throw new Error('lost a race');
    });
    await expect(unwanted).rejects.toMatchObject({ message: 'lost a race' });
    expect(await onDisk()).toEqual([]);
  });

  it('names the required column, from any task', async () => {
    const location = newTable();
    const failing = insert('SELECT nullif(l_orderkey, 1) AS k FROM lineitem', (columns) => {
      const write = asIs(location)(columns);
      return { ...write, columns: write.columns.map((column) => ({ ...column, required: true })) };
    });
    await expect(failing).rejects.toMatchObject({ sqlState: '23502', details: { column: 'k' } });
    await expect.poll(onDisk).toEqual([]);
  });
});
