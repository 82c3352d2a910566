import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { RunTaskRequest } from '../../src/rpc/index.ts';
import { formatType, type SqlValue } from '../../src/types/index.ts';
import { bareDuckDb } from '../support/bare-duckdb.ts';
import { difference } from '../support/compare.ts';
import { type DataSet, makeParquetTables, slices } from '../support/data-set.ts';
import { startTestEngine, type TestEngine } from '../support/engine.ts';
import type { Result, Runner } from '../support/runner.ts';

const off = { local_bypass: 'off', TimeZone: 'UTC' };

/** Sharded copies of tables of plain files: `left` and `right` alike on keys of two types of integer. */
const divisions = {
  left: 'SHARDED BY HASH (k) INTO 8 SHARDS',
  right: 'SHARDED BY HASH (k) INTO 8 SHARDS',
  few: 'SHARDED BY HASH (k) INTO 2 SHARDS',
  ranges: 'SHARDED BY RANGE (k) SPLIT AT (100, 200, 300)',
  turns: 'SHARDED BY ROUND ROBIN INTO 5 SHARDS',
};

/** `{left}` is the sharded copy for Skein and the plain files for DuckDB. */
const queries = [
  'SELECT k, count(*), sum(v) FROM {left} GROUP BY k',
  'SELECT l.k, l.v, r.v FROM {left} l JOIN {right} r ON l.k = r.k WHERE l.v < 700',
  'SELECT k, count(*), sum(l.v + r.v) FROM {left} l JOIN {right} r USING (k) GROUP BY k',
  'SELECT count(*), count(r.k), sum(r.v) FROM {left} l LEFT JOIN {right} r ON l.k = r.k AND r.v > 1000',
  'SELECT l.k, r.k, count(*) FROM {left} l FULL JOIN {right} r ON l.k = r.k GROUP BY ALL',
  'SELECT count(*), sum(l.v) FROM {left} l JOIN {right} r ON l.k IS NOT DISTINCT FROM r.k',
  'SELECT count(*) FROM {left} WHERE k NOT IN (SELECT k FROM {right} WHERE k IS NOT NULL)',
  'SELECT count(*), sum(x.v) FROM {left} x JOIN {few} y ON x.k = y.k',
  'SELECT k, max(v) FROM {few} GROUP BY k',
  'SELECT k, count(*) FROM {ranges} WHERE k >= 150 GROUP BY k',
  'SELECT count(*), sum(v), min(k) FROM {turns}',
  'SELECT count(*), sum(l.v) FROM {left} l JOIN {ranges} r ON l.k = r.k JOIN {turns} t ON t.v = r.v',
  'SELECT DISTINCT k FROM {left} UNION SELECT k FROM {right}',
];

let data: DataSet;
let oracle: Runner;

beforeAll(async () => {
  const rows = (salt: number, type: string) =>
    `CASE WHEN i % 11 = 0 THEN NULL ELSE (hash(i + ${salt}) % 400)::${type} END AS k, i::BIGINT AS v`;
  data = await makeParquetTables([
    { name: 'left', files: slices(3, 6000, rows(0, 'INTEGER')) },
    { name: 'right', files: slices(3, 2000, rows(7, 'BIGINT')) },
    { name: 'few', files: slices(2, 3000, rows(1, 'INTEGER')) },
    { name: 'ranges', files: slices(2, 3000, rows(2, 'INTEGER')) },
    { name: 'turns', files: slices(2, 3000, rows(3, 'INTEGER')) },
  ]);
  oracle = await bareDuckDb(data.tables);
  const engine = await startTestEngine({ dataDir: data.directory, workers: 2 });
  for (const [name, division] of Object.entries(divisions)) {
    await engine.rows(`CREATE TABLE s_${name} ${division} AS SELECT * FROM "${name}"`, off);
  }
  await engine.close();
}, 60_000);

afterAll(async () => {
  await oracle.close();
  await data.remove();
});

function sharded(sql: string): string {
  return sql.replaceAll(/\{(\w+)\}/g, 's_$1');
}

function plain(sql: string): string {
  return sql.replaceAll(/\{(\w+)\}/g, '"$1"');
}

async function resultOf(engine: TestEngine, sql: string): Promise<Result> {
  const handle = await engine.service.submit({ sql, settings: off });
  const columns = handle.columns.map(({ name, type }) => ({ name, type: formatType(type) }));
  const rows: SqlValue[][] = [];
  for await (const batch of handle.batches) {
    for (let row = 0; row < batch.rowCount; row += 1) {
      rows.push(batch.columns.map((values) => values[row] ?? null));
    }
  }
  return { columns, rows };
}

async function expectAnswer(engine: TestEngine, sql: string): Promise<void> {
  const expected = await oracle.query(plain(sql));
  const actual = await resultOf(engine, sharded(sql));
  expect(difference(expected, actual, { kind: 'multiset' }), sql).toBeUndefined();
}

/** Which worker read which file of a table, as it happened. */
class Reads {
  readonly #workers = new Map<string, Set<string>>();

  note(worker: string, { inputs }: RunTaskRequest): void {
    for (const { source } of inputs) {
      if (source.case !== 'scan') continue;
      for (const { path } of source.value.splits) {
        this.#workers.set(path, (this.#workers.get(path) ?? new Set()).add(worker));
      }
    }
  }

  clear(): void {
    this.#workers.clear();
  }

  /** By path of a file, the workers that read it. */
  get all(): ReadonlyMap<string, ReadonlySet<string>> {
    return this.#workers;
  }
}

/** By path, the worker that `system.shards` names for the file's shard. */
async function homes(engine: TestEngine, table: string): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const rows = await engine.rows(
    `SELECT path, worker_id FROM system.files f JOIN system.shards s USING (table_schema, table_name, shard)
     WHERE table_name = '${table}'`,
  );
  return new Map(rows.map(([path, worker]) => [String(path), new Set([String(worker)])]));
}

const fleets: readonly { readonly name: string; readonly threads: readonly number[] }[] = [
  { name: 'one worker', threads: [1] },
  { name: 'three workers', threads: [1, 1, 1] },
  { name: 'four workers', threads: [1, 1, 1, 1] },
  { name: 'workers of differing weight', threads: [1, 6, 2] },
  { name: 'more workers than most tables have shards', threads: [1, 1, 1, 1, 1, 1] },
  { name: 'a worker so small that it has no shard of eight', threads: [1, 1000, 1000] },
];

describe.each(fleets)('with $name', ({ threads }) => {
  const reads = new Reads();
  let engine: TestEngine;

  beforeAll(async () => {
    engine = await startTestEngine({
      dataDir: data.directory,
      workers: threads.length,
      threads: (worker) => threads[Number(worker.slice(1))] ?? 1,
      faults: (worker) => ({
        async beforeTask(request) {
          reads.note(worker, request);
        },
      }),
    });
  });
  afterAll(() => engine.close());

  test.each(queries)('%s', (sql) => expectAnswer(engine, sql));

  test('tables that are divided alike join and group where they lie', async () => {
    if (threads.length === 1) return;
    const sql = 'SELECT k, count(*), sum(l.v + r.v) FROM s_left l JOIN s_right r USING (k) GROUP BY k';
    const handle = await engine.service.submit({ sql, settings: off });
    for await (const _ of handle.batches);
    const scanning = engine.service
      .tree(handle.id)
      ?.stages.filter(({ sql: text }) => /s_left|s_right/.test(text));
    expect(scanning).toHaveLength(1);
  });

  test('system.shards names every shard once, and who has it', async () => {
    const rows = await engine.rows(
      `SELECT table_name, shard, worker_id, files, row_count FROM system.shards ORDER BY ALL`,
    );
    const counts = { left: 8, right: 8, few: 2, ranges: 4, turns: 5 };
    for (const [name, count] of Object.entries(counts)) {
      const own = rows.filter(([table]) => table === `s_${name}`);
      expect(own.map(([, shard]) => shard)).toEqual(Array.from({ length: count }, (_, shard) => shard));
      const total = own.reduce((sum, row) => sum + Number(row[4]), 0);
      expect(total).toBe(name === 'left' ? 6000 : name === 'right' ? 2000 : 3000);
    }
    expect(rows.filter(([, , worker]) => !/^w\d$/.test(String(worker)))).toEqual([]);
  });

  test('shards are read where system.shards says', async () => {
    if (threads.length === 1) return;
    const alike = new Set(threads).size === 1 && threads.length <= 4;
    const byShard = 'SELECT k, count(*) FROM s_left GROUP BY k';
    // Any worker may read a row here: where shards are much larger than a worker's share, some others help.
    const bySplit = 'SELECT count(*), sum(v) FROM s_left';
    for (const sql of alike ? [byShard, bySplit] : [byShard]) {
      reads.clear();
      await engine.rows(sql, off);
      expect(reads.all, sql).toEqual(await homes(engine, 's_left'));
    }
  });
});

test('a worker too small for a shard has none, and the bounds of ranges are told', async () => {
  const engine = await startTestEngine({
    dataDir: data.directory,
    workers: 3,
    threads: (worker) => (worker === 'w0' ? 1 : 1000),
  });
  try {
    const sql = `SELECT shard, range_from, range_before FROM system.shards WHERE table_name = 's_ranges' ORDER BY 1`;
    expect(await engine.rows(sql)).toEqual([
      [0, null, '100'],
      [1, '100', '200'],
      [2, '200', '300'],
      [3, '300', null],
    ]);
    const idle = `SELECT count(*) FROM system.shards WHERE worker_id = 'w0'`;
    expect(await engine.rows(idle)).toEqual([[0n]]);
  } finally {
    await engine.close();
  }
});

describe('while workers come and go', () => {
  /** Holds tasks up until it opens. */
  class Gate {
    readonly #workers = new Set<string>();
    #open: () => void = () => {};
    readonly #opened = new Promise<void>((resolve) => {
      this.#open = resolve;
    });

    async pass(worker: string, signal: AbortSignal): Promise<void> {
      this.#workers.add(worker);
      const aborted = new Promise<never>((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
      );
      await Promise.race([this.#opened, aborted]);
    }

    open(): void {
      this.#open();
    }

    async reachedBy(worker: string): Promise<void> {
      await vi.waitFor(() => expect([...this.#workers]).toContain(worker), 20_000);
    }
  }

  const joined = 'SELECT k, count(*), sum(l.v + r.v) FROM {left} l JOIN {right} r USING (k) GROUP BY k';
  const partitioned = { broadcastBytes: 1 };

  test('a query that runs keeps to its placement when one joins; the next one uses it', async () => {
    const gate = new Gate();
    const reads = new Reads();
    await using engine = await disposable({
      workers: 3,
      limits: partitioned,
      beforeTask: async (worker, request, signal) => {
        reads.note(worker, request);
        await gate.pass(worker, signal);
      },
    });
    const before = await homes(engine, 's_left');
    const running = expectAnswer(engine, joined);
    await gate.reachedBy('w2');
    await engine.addWorker();
    gate.open();
    await running;
    expect(only(reads.all, before)).toEqual(before);

    const after = await homes(engine, 's_left');
    const moved = [...before].filter(([path, workers]) => !isSame(workers, after.get(path)));
    expect(moved.length).toBeLessThan(before.size / 2);
    expect([...after.values()].filter((workers) => workers.has('w3'))).toHaveLength(2);
    reads.clear();
    await expectAnswer(engine, joined);
    expect(only(reads.all, after)).toEqual(after);
  });

  test('the shards of one that dies are read by others, and none is read twice or left out', async () => {
    const gate = new Gate();
    const reads = new Reads();
    await using engine = await disposable({
      workers: 3,
      limits: partitioned,
      beforeTask: async (worker, request, signal) => {
        reads.note(worker, request);
        if (worker === 'w1') await gate.pass(worker, signal);
      },
    });
    const before = await homes(engine, 's_left');
    const running = expectAnswer(engine, joined);
    await gate.reachedBy('w1');
    await engine.kill(1);
    await running;
    for (const [path, workers] of before) {
      const readers = reads.all.get(path) ?? new Set();
      if (workers.has('w1')) expect(readers.size).toBe(2);
      else expect(readers).toEqual(workers);
    }
    const rows = await engine.rows(`SELECT DISTINCT worker_id FROM system.shards ORDER BY 1`);
    expect(rows).toEqual([['w0'], ['w2']]);
    gate.open();
    await expectAnswer(engine, joined);
  });

  test('every query of many gives the right answer', async () => {
    await using engine = await disposable({ workers: 3, limits: partitioned });
    let over = false;
    const ask = async (first: number): Promise<void> => {
      for (let index = first; !over; index += 1)
        await expectAnswer(engine, queries[index % queries.length] ?? '');
    };
    const asking = Promise.all([ask(0), ask(5), ask(9)]);
    for (const change of [
      () => engine.addWorker(),
      () => engine.kill(0),
      () => engine.kill(2),
      () => engine.addWorker(),
    ]) {
      await Promise.race([asking, new Promise((resolve) => setTimeout(resolve, 700))]);
      await change();
    }
    await Promise.race([asking, new Promise((resolve) => setTimeout(resolve, 700))]);
    over = true;
    await asking;
  });
});

async function disposable({
  workers,
  limits,
  beforeTask,
}: {
  readonly workers: number;
  readonly limits: { readonly broadcastBytes: number };
  readonly beforeTask?: (worker: string, request: RunTaskRequest, signal: AbortSignal) => Promise<void>;
}): Promise<TestEngine & AsyncDisposable> {
  const engine = await startTestEngine({
    dataDir: data.directory,
    workers,
    limits,
    ...(beforeTask === undefined
      ? {}
      : { faults: (worker) => ({ beforeTask: (request, signal) => beforeTask(worker, request, signal) }) }),
  });
  return { ...engine, [Symbol.asyncDispose]: () => engine.close() };
}

/** `reads` of the files of `table` alone. */
function only<T>(reads: ReadonlyMap<string, T>, table: ReadonlyMap<string, unknown>): ReadonlyMap<string, T> {
  return new Map([...reads].filter(([path]) => table.has(path)));
}

function isSame(one: ReadonlySet<string>, other: ReadonlySet<string> | undefined): boolean {
  return other !== undefined && one.size === other.size && [...one].every((item) => other.has(item));
}
