import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../src/common/index.ts';
import { DuckDb } from '../../src/duckdb/index.ts';
import { DuckDbParquetRows } from '../../src/duckdb/parquet-rows.ts';
import type { AddAction, DeltaAction, MetadataAction } from '../../src/storage/delta/actions.ts';
import { append, createTable, overwrite } from '../../src/storage/delta/build-actions.ts';
import { commitDelta } from '../../src/storage/delta/commit-delta.ts';
import { storeCommitLog } from '../../src/storage/delta/commit-log.ts';
import { encodeDataPath } from '../../src/storage/delta/data-path.ts';
import { DeltaLog } from '../../src/storage/delta/delta-log.ts';
import { fieldsToSchemaString, schemaToFields } from '../../src/storage/delta/delta-schema.ts';
import { toAddAction } from '../../src/storage/delta/file-actions.ts';
import { fileStats, indexedColumns } from '../../src/storage/delta/file-stats.ts';
import { maintainLog } from '../../src/storage/delta/maintain-log.ts';
import { lowestProtocol, neededFeatures } from '../../src/storage/delta/table-features.ts';
import { WritableStore } from '../../src/storage/delta/test-table.ts';
import { parseType, type Schema } from '../../src/types/index.ts';

/** A Python that has the package `deltalake`: SKEIN_PYTHON, or the one in the path. */
const python = [process.env.SKEIN_PYTHON, 'python3'].find((command) => {
  if (command === undefined) return false;
  try {
    execFileSync(command, ['-c', 'import deltalake, pyarrow'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

const schema: Schema = [
  { name: 'i', type: parseType('INTEGER') },
  { name: 'l', type: parseType('BIGINT') },
  { name: 'd', type: parseType('DOUBLE') },
  { name: 'de', type: parseType('DECIMAL(20,3)') },
  { name: 's', type: parseType('VARCHAR') },
  { name: 'b', type: parseType('BOOLEAN') },
  { name: 'day', type: parseType('DATE') },
  { name: 'at', type: parseType('TIMESTAMP WITH TIME ZONE') },
  { name: 'bytes', type: parseType('BLOB') },
  { name: 'st', type: parseType('STRUCT(x INTEGER, y VARCHAR)') },
  { name: 'li', type: parseType('INTEGER[]') },
  { name: 'p', type: parseType('VARCHAR') },
  { name: 'q', type: parseType('TIMESTAMP WITH TIME ZONE') },
];

/** One row a file; every third row has NULLs. */
const dataColumns = (n: number): string =>
  [
    `${n}::INTEGER AS i`,
    `${n % 3 === 0 ? 'NULL' : `9007199254740993 + ${n}`}::BIGINT AS l`,
    `(${n} * 1.5)::DOUBLE AS d`,
    `(${n} + 0.125)::DECIMAL(20,3) AS de`,
    `'text ' || repeat('é', ${n * 5}) AS s`,
    `${n % 2 === 0} AS b`,
    `DATE '2020-01-01' + ${n} AS "day"`,
    `TIMESTAMPTZ '2020-01-01 00:00:00.123456+00' + INTERVAL ${n} HOUR AS "at"`,
    `'\\xFF\\x00'::BLOB AS bytes`,
    `{'x': ${n}::INTEGER, 'y': 'y${n}'} AS st`,
    `[${n}, NULL]::INTEGER[] AS li`,
  ].join(', ');

const partitions: readonly (readonly [string | null, string | null])[] = [
  ['plain', '2020-01-01T00:00:00.000000Z'],
  ['a b/c=%é"?#', '2020-06-01T10:30:00.500000Z'],
  [null, null],
];

describe('tables that this engine writes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'delta-write-'));
  let connection: DuckDBConnection;
  let duckDb: DuckDb;
  let parquet: DuckDbParquetRows;

  beforeAll(async () => {
    connection = await (await DuckDBInstance.create(':memory:')).connect();
    const scratchFolder = join(folder, 'scratch');
    mkdirSync(scratchFolder);
    duckDb = await DuckDb.open({
      threads: 1,
      memoryBytes: 256 * 1024 * 1024,
      tempDirectory: join(folder, 'spill'),
      readRoots: [],
      writeRoots: [scratchFolder],
    });
    parquet = new DuckDbParquetRows({ duckDb, scratchFolder, random: systemRandom });
  });

  afterAll(() => {
    connection.closeSync();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Writes a data file as a worker does, and gives the action for it. */
  async function writeFile(
    table: string,
    n: number,
    configuration: Record<string, string>,
  ): Promise<AddAction> {
    const [p = null, q = null] = partitions[n % partitions.length] ?? [];
    const partitionValues = { p, q };
    const folders = Object.entries(partitionValues).map(
      ([name, value]) => `${name}=${encodeURIComponent(value ?? '__HIVE_DEFAULT_PARTITION__')}`,
    );
    const key = `${folders.join('/')}/part-${n}.parquet`;
    const path = join(table, key);
    mkdirSync(dirname(path), { recursive: true });
    const copy = `COPY (SELECT ${dataColumns(n)}) TO '${path}' (FORMAT parquet, RETURN_STATS)`;
    const [row = []] = (await connection.runAndReadAll(copy)).getRowsJson();
    type Entries<T> = { key: string; value: T }[];
    const copied = new Map(
      (row[4] as Entries<Entries<string>>).map(({ key: name, value }) => [
        name,
        new Map(value.map((stat) => [stat.key, stat.value])),
      ]),
    );
    const fields = schemaToFields(schema);
    const columns = indexedColumns(fields, ['p', 'q'], configuration);
    const file = {
      path: encodeDataPath(key),
      bytes: Number(row[2]),
      rows: Number(row[1]),
      partitionValues,
      stats: fileStats(columns, Number(row[1]), copied),
      shard: n % 2,
      crc32: 1,
    };
    return toAddAction(file, { nowMs: systemClock.now(), dataChange: true });
  }

  /** Version 0 creates, 1 to 12 append a file each, 13 replaces two of them. Checkpoints as they are due. */
  async function writeTable(name: string, configuration: Record<string, string>): Promise<string> {
    const table = join(folder, name);
    const store = new WritableStore(table);
    const log = new DeltaLog({ store, parquet });
    const fields = schemaToFields(schema);
    const metadata: MetadataAction = {
      id: '5fba94ed-9794-4965-ba6e-6ee3c0d22af9',
      format: { provider: 'parquet', options: {} },
      schemaString: fieldsToSchemaString(fields),
      partitionColumns: ['p', 'q'],
      configuration,
      createdTime: systemClock.now(),
    };
    const protocol = lowestProtocol(neededFeatures({ fields, configuration }));
    const commit = async (actions: readonly DeltaAction[], operation: string): Promise<void> => {
      store.now = systemClock.now();
      const read = operation === 'CREATE TABLE' ? 'new table' : await log.snapshot();
      const result = await commitDelta({
        store,
        log: storeCommitLog(store),
        read,
        actions,
        operation,
        operationParameters: { mode: 'Append' },
        reads: { kind: operation === 'DELETE' ? 'wholeTable' : 'nothing' },
        engineInfo: 'test',
        clock: systemClock,
        random: systemRandom,
      });
      expect(result.kind).toBe('committed');
      const maintained = await maintainLog({
        store,
        parquet,
        version: result.kind === 'committed' ? result.version : -1,
        configuration,
        load: async (version) => ({
          snapshot: await log.snapshot({ version }),
          tombstones: await log.tombstones(version),
        }),
        clock: systemClock,
        random: systemRandom,
      });
      if (maintained.kind === 'failed') throw maintained.error;
    };
    await commit(createTable(protocol, metadata), 'CREATE TABLE');
    for (let n = 1; n <= 11; n += 1)
      await commit(append([await writeFile(table, n, configuration)]), 'WRITE');
    const isReplaced = ({ path }: AddAction): boolean => /part-[12]\.parquet/.test(path);
    const written = await writeFile(table, 12, configuration);
    await commit(overwrite(await log.snapshot(), [written], systemClock.now(), isReplaced), 'DELETE');
    for (const key of store.keys()) {
      const path = join(table, key);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, store.bytesOf(key));
    }
    return table;
  }

  /** Without the entries that a checkpoint covers, so that readers must go by it. */
  function dropEntries(table: string, before: number): void {
    const log = join(table, '_delta_log');
    for (const name of readdirSync(log)) {
      if (/^\d{20}\.json$/.test(name) && Number(name.slice(0, 20)) < before) rmSync(join(log, name));
    }
  }

  const wanted = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
  const script = `
import os, sys, json, deltalake
t = deltalake.DeltaTable(sys.argv[1])
import pyarrow as pa
q = deltalake.QueryBuilder().register('t', t)
def query(sql):
    return pa.table(q.execute(sql))
rows = [{k: str(v) if k == 'l' and v is not None else v for k, v in r.items()}
    for r in query('select * from t order by i').to_pylist()]
actions = pa.table(t.get_add_actions(flatten=True)).to_pylist()
pruned = query('''select * from t where p = 'a b/c=%é"?#' and i > 0''').num_rows
if sys.argv[2] == 'pyarrow':
    assert t.to_pyarrow_table().num_rows == len(rows)
    assert t.to_pyarrow_table(filters=[('p', '=', 'a b/c=%é"?#')]).num_rows == pruned
print(json.dumps({'version': t.version(), 'rows': rows, 'actions': actions, 'pruned': pruned}, default=str))
# Threads of pyarrow may abort an interpreter that ends as usual.
sys.stdout.flush()
os._exit(0)
`;
  interface Answer {
    readonly version: number;
    readonly rows: Record<string, unknown>[];
    readonly actions: Record<string, unknown>[];
    readonly pruned: number;
  }
  /** Its reader for pyarrow knows fewer features than the one for its own queries. */
  function ask(table: string, reader: 'pyarrow' | 'own'): Answer {
    const text = execFileSync(python ?? '', ['-c', script, table, reader], { encoding: 'utf8' });
    return JSON.parse(text) as Answer;
  }

  const kinds: readonly (readonly [string, Record<string, string>])[] = [
    ['classic', {}],
    [
      'struct',
      { 'delta.checkpoint.writeStatsAsStruct': 'true', 'delta.checkpoint.writeStatsAsJson': 'false' },
    ],
    ['v2', { 'delta.checkpointPolicy': 'v2', 'delta.enableInCommitTimestamps': 'true' }],
  ];

  it.each(kinds)('are read back here, by entries and by checkpoint (%s)', async (name, configuration) => {
    const table = await writeTable(`own-${name}`, configuration);
    dropEntries(table, 10);
    const store = new WritableStore(table);
    for (const key of readdirSync(join(table, '_delta_log'), { recursive: true, encoding: 'utf8' })) {
      const path = join(table, '_delta_log', key);
      if (statSync(path).isFile()) {
        store.set(`_delta_log/${key}`, readFileSync(path), systemClock.now());
      }
    }
    const snapshot = await new DeltaLog({ store, parquet }).snapshot();
    expect(snapshot.version).toBe(12);
    const numbers = snapshot.files.map(({ path }) => Number(/part-(\d+)/.exec(path)?.[1]));
    expect(numbers.sort((a, b) => a - b)).toEqual(wanted);
    expect(snapshot.files.every(({ stats }) => stats?.includes('"numRecords":1'))).toBe(true);
    const [seven] = snapshot.files.filter(({ path }) => path.includes('part-7.'));
    expect(seven?.stats).toContain('9007199254741000');
    expect(seven?.partitionValues).toEqual({ p: 'plain', q: null, ...seven?.partitionValues });
  });

  it.skipIf(python === undefined).each(kinds)(
    'are read by delta-rs, by entries and by checkpoint (%s; skipped without Python and deltalake)',
    async (name, configuration) => {
      const table = await writeTable(`rs-${name}`, configuration);
      for (const before of [0, 10]) {
        dropEntries(table, before);
        const { version, rows, actions, pruned } = ask(table, name === 'v2' ? 'own' : 'pyarrow');
        expect(version).toBe(12);
        expect(rows.map(({ i }) => i)).toEqual(wanted);
        expect(rows[1]).toMatchObject({
          i: 4,
          l: '9007199254740997',
          d: 6,
          de: '4.125',
          s: `text ${'é'.repeat(20)}`,
          b: true,
          day: '2020-01-05',
          at: '2020-01-01 04:00:00.123456+00:00',
          st: { x: 4, y: 'y4' },
          li: [4, null],
          p: 'a b/c=%é"?#',
          q: '2020-06-01 10:30:00.500000+00:00',
        });
        expect(rows[0]).toMatchObject({ i: 3, l: null });
        expect(rows[2]).toMatchObject({ i: 5, p: null, q: null });
        expect(pruned).toBe(3);
        const seven = actions.find(({ path }) => String(path).includes('part-7.'));
        expect(seven).toMatchObject({
          num_records: 1,
          'null_count.i': 0,
          'min.i': 7,
          'max.i': 7,
          'min.de': '7.125',
          'min.s': `text ${'é'.repeat(27)}`,
          'max.s': `text ${'é'.repeat(27)}\u{10ffff}`,
          'min.day': '2020-01-08',
          'min.at': '2020-01-01 07:00:00.123000+00:00',
          'max.at': '2020-01-01 07:00:00.124000+00:00',
          'min.st.x': 7,
        });
      }
    },
  );
});
