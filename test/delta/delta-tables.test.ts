import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Catalog } from '../../src/catalog/index.ts';
import { DuckDb } from '../../src/duckdb/index.ts';
import { rowRunsOf } from '../../src/storage/delta/row-runs.ts';
import {
  hashShardSql,
  inlineDeletionVector,
  type TableFile,
  type TableSnapshot,
} from '../../src/storage/index.ts';
import { quoteIdentifier, type Schema, scalar } from '../../src/types/index.ts';
import { startTestEngine, type TestEngine } from '../support/engine.ts';

const shards = 6;
let dir: string;
let duckdb: DuckDb;
const engines: TestEngine[] = [];
const tables = new Map<string, TableSnapshot>();

beforeAll(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'skein-delta-'));
  duckdb = await DuckDb.open({
    threads: 1,
    memoryBytes: 256 * 1024 ** 2,
    tempDirectory: path.join(dir, 'tmp'),
    readRoots: [dir],
    writeRoots: [dir],
  });
  const int = scalar('INTEGER');
  await makeTable('orders', orders, [
    { name: 'id', type: int },
    { name: 'day', type: scalar('DATE') },
    { name: 'total', type: scalar('BIGINT') },
  ]);
  await makeTable('lines', lines, [
    { name: 'id', type: scalar('BIGINT') },
    { name: 'day', type: scalar('DATE') },
    { name: 'quantity', type: int },
  ]);
  for (const workers of [1, 3]) {
    const catalog = (files: Catalog): Catalog => ({
      roots: files.roots,
      names: files.names,
      files: files.files,
      table: (key, at, signal) => files.table(key, at, signal),
      snapshot: async (signal, options) => ({
        ...(await files.snapshot(signal, options)),
        version: 1,
        tables,
      }),
    });
    engines.push(await startTestEngine({ dataDir: dir, workers, catalog, limits: { broadcastBytes: 0 } }));
  }
}, 60_000);
afterAll(async () => {
  for (const engine of engines) await engine.close();
  duckdb.close();
  await rm(dir, { recursive: true, force: true });
});

const orders = `SELECT i::INTEGER AS id, DATE '2024-01-01' + (i % 3)::INTEGER AS day, i * 10 AS total FROM range(2000) AS r(i)`;
const lines = `SELECT (i // 4)::BIGINT AS id, DATE '2024-01-01' + (i % 3)::INTEGER AS day, (i % 7)::INTEGER AS quantity
  FROM range(8000) AS r(i)`;
/** The rows of `lines` that are deleted are the first of each file. */
const deleted = 1;

/** Sharded by id, partitioned by day, each file with its first row deleted where it is of `lines`. */
async function makeTable(name: string, select: string, schema: Schema): Promise<void> {
  await mkdir(path.join(dir, name));
  await using connection = await duckdb.connect();
  const shard = hashShardSql(['id'], [schema[0]?.type ?? scalar('NULL')], shards);
  const groups = await connection.rows(
    `SELECT DISTINCT ${shard} AS shard, day::VARCHAR FROM (${select}) ORDER BY ALL`,
  );
  const data = schema.filter((column) => column.name !== 'day');
  const files: TableFile[] = [];
  for (const [number, day] of groups) {
    const file = path.join(dir, name, `${number}-${day}.parquet`);
    const names = data.map(
      (column) => `${quoteIdentifier(column.name)} AS ${quoteIdentifier(`col-${column.name}`)}`,
    );
    const where = `${shard} = ${number} AND day = '${day}'`;
    await connection.run(`COPY (SELECT ${names} FROM (${select}) WHERE ${where} ORDER BY ALL) TO '${file}'`);
    const stats = await connection.rows(
      `SELECT count(*)::INTEGER, min(id), max(id) FROM (${select}) WHERE ${where}`,
    );
    const [rows, min, max] = stats[0] ?? [];
    const bytes = await readFile(file);
    files.push({
      path: file,
      bytes: bytes.length,
      modifiedMs: undefined,
      rowGroups: undefined,
      delta: {
        rowCount: Number(rows),
        partitionValues: [String(day)],
        deletionVector: name === 'lines' ? inlineDeletionVector(rowRunsOf([deleted - 1])) : undefined,
        stats: `{"numRecords":${rows},"minValues":{"col-id":${min}},"maxValues":{"col-id":${max}}}`,
        shard: Number(number),
        crc32: crc32(bytes),
      },
    });
  }
  tables.set(`main.${name}`, {
    name: `main.${name}`,
    schema,
    format: {
      kind: 'delta',
      columns: schema.map((column) =>
        column.name === 'day'
          ? { kind: 'partition', index: 0 }
          : {
              kind: 'data',
              stored: { name: `col-${column.name}`, fieldId: undefined, type: column.type, children: [] },
            },
      ),
    },
    files,
    rowCount: files.reduce((sum, { delta }) => sum + (delta?.rowCount ?? 0), 0),
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    delta: { location: path.join(dir, name), version: 3 },
    sharding: { kind: 'hash', columns: [0], shards },
  });
}

/** The query's answer on DuckDB alone. */
async function expected(sql: string): Promise<unknown> {
  await using connection = await duckdb.connect();
  const shard = hashShardSql(['id'], [scalar('BIGINT')], shards);
  const kept = `SELECT * EXCLUDE (n) FROM
    (SELECT *, row_number() OVER (PARTITION BY ${shard}, day ORDER BY id, quantity) AS n FROM (${lines})) WHERE n > ${deleted}`;
  await connection.run(`CREATE TEMP VIEW orders AS ${orders}; CREATE TEMP VIEW lines AS ${kept}`);
  return await connection.rows(sql);
}

const distributed = { local_bypass: 'off' };

describe('Delta tables', () => {
  it.each([
    'SELECT count(*), sum(id), sum(quantity) FROM lines',
    'SELECT day, count(*), sum(total) FROM orders GROUP BY day ORDER BY day',
    `SELECT count(*), sum(quantity * total) FROM lines JOIN orders USING (id) WHERE lines.day >= DATE '2024-01-02'`,
    `SELECT o.id, sum(l.quantity), max(l.day) FROM orders o LEFT JOIN lines l ON o.id = l.id GROUP BY o.id ORDER BY o.id`,
    `SELECT count(*) FROM orders WHERE id NOT IN (SELECT id FROM lines WHERE quantity = 3)`,
    `SELECT * FROM orders WHERE id = 1234`,
    `SELECT id, count(*) FROM lines WHERE id IN (5, 6, 1999) AND day = '2024-01-03' GROUP BY id ORDER BY id`,
    `SELECT id, rank() OVER (PARTITION BY id ORDER BY quantity, day) AS r FROM lines ORDER BY id, r LIMIT 50`,
    `SELECT count(*) FROM orders WHERE false`,
    `SELECT count(DISTINCT l.id) FROM lines l, orders o WHERE l.quantity = o.id`,
  ])('%s', async (sql) => {
    const answer = await expected(sql);
    for (const engine of engines) {
      expect(await engine.rows(sql)).toEqual(answer);
      expect(await engine.rows(sql, distributed)).toEqual(answer);
    }
  });

  it('join by shards without an exchange', async () => {
    const explained = await explain(
      'SELECT sum(quantity * total) FROM lines JOIN orders ON lines.id = orders.id',
    );
    expect(explained).toContain('lines (by shard)');
    expect(explained).toContain('orders (by shard)');
    expect(explained).not.toContain('hash (');
  });

  it('say which files they read', async () => {
    expect(await explain(`SELECT * FROM orders WHERE day = DATE '2024-01-02' AND total > 5`)).toContain(
      'files 6 of 18 (partition 12)',
    );
    expect(await explain(`EXPLAIN ANALYZE SELECT * FROM orders WHERE id = 1234`)).toMatch(
      /files [12] of 18 \(shard 15, statistics [12]\)|files 3 of 18 \(shard 15\)/,
    );
  });
});

async function explain(sql: string): Promise<string> {
  const text = sql.startsWith('EXPLAIN') ? sql : `EXPLAIN ${sql}`;
  const rows = await engines[1]?.rows(text, distributed);
  return (rows ?? []).flat().join('\n');
}
