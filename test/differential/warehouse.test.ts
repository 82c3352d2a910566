import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DuckDb, type DuckDbConnection } from '../../src/duckdb/index.ts';
import type { SqlValue } from '../../src/types/index.ts';
import { startTestEngine, type TestEngine } from '../support/engine.ts';

let dir: string;
let duckdb: DuckDb;
let connection: DuckDbConnection;
let engine: TestEngine;
const { signal } = new AbortController();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skein-warehouse-'));
  const [tempDirectory, data] = [join(dir, 'temp'), join(dir, 'data')];
  await mkdir(join(data, 'events'), { recursive: true });
  duckdb = await DuckDb.open({
    threads: 1,
    memoryBytes: 256 << 20,
    tempDirectory,
    readRoots: [],
    writeRoots: [dir],
  });
  connection = await duckdb.connect();
  await connection.run(
    `COPY (SELECT range AS id, 'user ' || range AS name FROM range(1000)) TO '${data}/users.parquet'`,
  );
  await commit(data, 0, [[0, 100]]);
  await commit(data, 1, [[100, 5000]]);
  engine = await startTestEngine({ dataDir: data, workers: 2 });
});

afterAll(async () => {
  await engine?.close();
  await connection[Symbol.asyncDispose]();
  duckdb.close();
  await rm(dir, { recursive: true });
});

/** Adds files with the ids of these ranges to the Delta table `events`, by hand. */
async function commit(data: string, version: number, ranges: readonly (readonly number[])[]): Promise<void> {
  const table = join(data, 'events');
  const lines: string[] = [];
  if (version === 0) {
    const fields = ['id', 'kind'].map((name) => ({
      name,
      type: name === 'id' ? 'long' : 'string',
      nullable: true,
      metadata: {},
    }));
    lines.push(
      JSON.stringify({ protocol: { minReaderVersion: 1, minWriterVersion: 2 } }),
      JSON.stringify({
        metaData: {
          id: 'events',
          description: 'what happened',
          format: { provider: 'parquet', options: {} },
          schemaString: JSON.stringify({ type: 'struct', fields }),
          partitionColumns: ['kind'],
          configuration: {},
        },
      }),
    );
  }
  for (const [from, to] of ranges) {
    const path = `part-${version}-${from}.parquet`;
    await connection.run(`COPY (SELECT range AS id FROM range(${from}, ${to})) TO '${table}/${path}'`);
    const { size } = await stat(join(table, path));
    const stats = JSON.stringify({ numRecords: Number(to) - Number(from), minValues: { id: from } });
    const partitionValues = { kind: version === 0 ? 'old' : 'new' };
    lines.push(
      JSON.stringify({ add: { path, partitionValues, size, modificationTime: 1, dataChange: true, stats } }),
    );
  }
  lines.push(
    JSON.stringify({ commitInfo: { timestamp: Date.now(), operation: 'WRITE', operationParameters: {} } }),
  );
  await mkdir(join(table, '_delta_log'), { recursive: true });
  const name = `${String(version).padStart(20, '0')}.json`;
  await writeFile(join(table, '_delta_log', name), `${lines.join('\n')}\n`);
}

const settings = { local_bypass: 'off' };
const rows = (sql: string): Promise<readonly (readonly SqlValue[])[]> => engine.rows(sql, settings);

function view(name: string, sql: string, columns: readonly string[]): Promise<void> {
  const entry = { schema: 'main', name, sql, aliases: [], columns, searchSchema: 'main' };
  return engine.catalog.names.createView(entry, true, signal);
}

describe('a warehouse', () => {
  test('has Delta tables, also in versions', async () => {
    expect(await rows('SELECT count(*), max(id) FROM events')).toEqual([[5000n, 4999n]]);
    expect(await rows('SELECT kind, count(*) FROM events GROUP BY ALL ORDER BY 1')).toEqual([
      ['new', 4900n],
      ['old', 100n],
    ]);
    expect(
      await rows(
        'SELECT count(*) FROM events AS now LEFT JOIN events AT (VERSION => 0) AS old USING (id) WHERE old.id IS NULL',
      ),
    ).toEqual([[4900n]]);
    expect(await rows('SELECT count(*) FROM events AT (TIMESTAMP => now())')).toEqual([[5000n]]);
    await expect(rows('FROM events AT (VERSION => 9)')).rejects.toMatchObject({ sqlState: '22023' });
    await expect(rows('FROM users AT (VERSION => 0)')).rejects.toMatchObject({ sqlState: '42809' });
    const plan = String(await rows('EXPLAIN SELECT sum(id) FROM events AT (VERSION => 0)'));
    expect(plan).toContain('events@v0');
  });

  test('has views, however a query runs', async () => {
    await view('old_events', "SELECT id, kind FROM events WHERE kind = 'old'", ['id', 'kind']);
    await view('named', 'SELECT e.id, name FROM old_events AS e JOIN users USING (id)', ['id', 'name']);
    const sql = 'SELECT count(*), min(named.name) FROM named';
    expect(await rows(sql)).toEqual([[100n, 'user 0']]);
    expect(await engine.rows(sql)).toEqual([[100n, 'user 0']]);
    // Runs as its text.
    expect(await rows('SELECT count(*) FROM named TABLESAMPLE reservoir(10 ROWS)')).toEqual([[10n]]);
    expect((await rows('SHOW TABLES')).flat()).toEqual(['events', 'named', 'old_events', 'users']);
    expect((await rows('SUMMARIZE old_events')).map(([column]) => column)).toEqual(['id', 'kind']);
  });

  test('tells about itself', async () => {
    expect(
      await rows(
        `SELECT t.table_name, t.format, t.version, t.row_count, count(f.path), any_value(comment)
         FROM system.tables AS t JOIN system.files AS f USING (table_schema, table_name) GROUP BY ALL ORDER BY 1`,
      ),
    ).toEqual([
      ['events', 'delta', 1n, 5000n, 2n, 'what happened'],
      ['users', 'parquet', null, 1000n, 1n, null],
    ]);
    expect(await rows('SELECT version, operation FROM system.snapshots ORDER BY 1')).toEqual([
      [0n, 'WRITE'],
      [1n, 'WRITE'],
    ]);
    expect(await rows("SELECT count(*) > 3 FROM system.queries WHERE state = 'finished'")).toEqual([[true]]);
    expect(await rows('SELECT count(*), sum(threads) FROM system.workers')).toEqual([[2n, 2n]]);
    expect(await rows('FROM system.shards')).toEqual([]);
    expect(
      await rows(
        "SELECT table_name, TABLE_COMMENT FROM information_schema.tables WHERE table_name = 'events'",
      ),
    ).toEqual([['events', 'what happened']]);
  });

  test('shows at once what another process made', async () => {
    await commit(join(dir, 'data'), 2, [[5000, 5001]]);
    expect(await rows('SELECT count(*) FROM events')).toEqual([[5001n]]);
    const other = await startTestEngine({ dataDir: join(dir, 'data'), workers: 1 });
    try {
      const entry = { schema: 'main', name: 'theirs', sql: 'SELECT 7 AS x', aliases: [], columns: ['x'] };
      await other.catalog.names.createView({ ...entry, searchSchema: 'main' }, false, signal);
      expect(await rows('SELECT x FROM theirs')).toEqual([[7]]);
    } finally {
      await other.close();
    }
  });
});
