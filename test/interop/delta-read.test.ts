import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemRandom } from '../../src/common/index.ts';
import { DuckDb } from '../../src/duckdb/index.ts';
import { DuckDbParquetRows } from '../../src/duckdb/parquet-rows.ts';
import { resolveDataPath } from '../../src/storage/delta/data-path.ts';
import { deletionVectorPath, readDeletionVector } from '../../src/storage/delta/deletion-vector.ts';
import { DeltaLog } from '../../src/storage/delta/delta-log.ts';
import type { DeltaField, DeltaSnapshot } from '../../src/storage/delta/delta-snapshot.ts';
import { FakeStore } from '../../src/storage/delta/fake-store.ts';
import { eachRow } from '../../src/storage/delta/row-runs.ts';
import { formatType, quoteIdentifier, quoteLiteral, type SqlType } from '../../src/types/index.ts';

const fixtures = join(import.meta.dirname, 'fixtures');
let scratch: string;
let duckDb: DuckDb;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'delta-read-'));
  duckDb = await DuckDb.open({
    threads: 1,
    memoryBytes: 2 ** 30,
    tempDirectory: join(scratch, 'spill'),
    readRoots: [fixtures],
    writeRoots: [scratch],
  });
});

afterAll(async () => {
  duckDb.close();
  await rm(scratch, { recursive: true });
});

function openLog(table: string): { readonly log: DeltaLog; readonly store: FakeStore } {
  const store = FakeStore.of(join(fixtures, table));
  return { log: new DeltaLog({ store, parquet: parquetRows() }), store };
}

function parquetRows(): DuckDbParquetRows {
  return new DuckDbParquetRows({ duckDb, scratchFolder: join(scratch, 'rows'), random: systemRandom });
}

/** The value of a field, in logical names, from a value in the names of the data files. */
function logical(field: DeltaField, at: string): string {
  const [first, second] = field.children;
  switch (field.type.kind) {
    case 'struct': {
      const fields = field.children.map(
        (child) =>
          `${quoteIdentifier(child.name)} := ${logical(child, `${at}.${quoteIdentifier(child.physicalName)}`)}`,
      );
      return `CASE WHEN ${at} IS NOT NULL THEN struct_pack(${fields.join(', ')}) END`;
    }
    case 'list':
      return first === undefined ? at : `list_transform(${at}, lambda x: ${logical(first, 'x')})`;
    case 'map':
      if (first === undefined || second === undefined) return at;
      return `map_from_entries(list_transform(map_entries(${at}),
        lambda e: {key: ${logical(first, 'e.key')}, value: ${logical(second, 'e.value')}}))`;
    default:
      return at;
  }
}

/** As fixtures spell it: bytes in hex; `void` holds nothing. */
function plainType(type: SqlType): string {
  return type.kind === 'scalar' && (type.name === 'BLOB' || type.name === 'NULL')
    ? 'VARCHAR'
    : formatType(type);
}

async function scanRows(snapshot: DeltaSnapshot, store: FakeStore): Promise<readonly string[]> {
  await using connection = await duckDb.connect();
  await connection.run(`SET TimeZone = 'UTC'`);
  const rows: string[] = [];
  for (const file of snapshot.files) {
    const path = resolveDataPath(snapshot.location, file.path);
    expect(path.kind).toBe('relative');
    const from = quoteLiteral(join(snapshot.location, path.kind === 'relative' ? path.key : ''));
    const stored = await connection.rows(`SELECT name, field_id FROM parquet_schema(${from})`);
    const columns = snapshot.fields.map((field) => {
      if (snapshot.metadata.partitionColumns.includes(field.name)) {
        const value = file.partitionValues[field.physicalName];
        return `CAST(${value === null || value === undefined || value === '' ? 'NULL' : quoteLiteral(value)} AS ${plainType(field.type)})`;
      }
      const found = stored.find(([name, id]) =>
        snapshot.columnMapping === 'id' ? Number(id) === field.fieldId : name === field.physicalName,
      );
      if (found === undefined) return `CAST(NULL AS ${plainType(field.type)})`;
      const at = logical(field, quoteIdentifier(String(found[0])));
      return field.type.kind === 'scalar' && field.type.name === 'BLOB'
        ? `hex(${at})`
        : `CAST(${at} AS ${plainType(field.type)})`;
    });
    const deleted = file.deletionVector
      ? [...eachRow(await readDeletionVector(store, file.deletionVector, undefined))]
      : [];
    const list = columns.map(
      (column, index) => `${quoteIdentifier(snapshot.fields[index]?.name ?? '')} := ${column}`,
    );
    const found = await connection.rows(
      `SELECT to_json(struct_pack(${list.join(', ')}))::VARCHAR
       FROM read_parquet(${from}, file_row_number = true, hive_partitioning = false)
       WHERE file_row_number NOT IN (SELECT unnest([${deleted.join(', ')}]::BIGINT[]))`,
    );
    rows.push(...found.map(([row]) => String(row)));
  }
  return rows.sort();
}

async function expectedRows(snapshot: DeltaSnapshot, path: string): Promise<readonly string[]> {
  if ((await readFile(path, 'utf8')) === '') return [];
  await using connection = await duckDb.connect();
  await connection.run(`SET TimeZone = 'UTC'`);
  const columns = snapshot.fields.map(
    ({ name, type }) => `${quoteLiteral(name)}: ${quoteLiteral(plainType(type))}`,
  );
  const list = snapshot.fields.map(({ name }) => `${quoteIdentifier(name)} := ${quoteIdentifier(name)}`);
  const rows = await connection.rows(
    `SELECT to_json(struct_pack(${list.join(', ')}))::VARCHAR
     FROM read_json(${quoteLiteral(path)}, format = 'newline_delimited', columns = {${columns.join(', ')}})`,
  );
  return rows.map(([row]) => String(row)).sort();
}

const tables = (
  await Promise.all(
    ['spark', 'delta_rs'].map(async (writer) =>
      (
        await readdir(join(fixtures, writer))
      )
        .filter((name) => name.endsWith('.rows.jsonl'))
        .map((name) => `${writer}/${name.slice(0, -'.rows.jsonl'.length)}`),
    ),
  )
).flat();

describe('tables of other writers', () => {
  // A clone's files lie where it was made.
  it.each(tables.filter((name) => name !== 'spark/clone'))('reads every row of %s', async (name) => {
    const [, table = '', version] = /^(.*?)(?:\.v(\d+))?$/.exec(name) ?? [];
    const { log, store } = openLog(table);
    const snapshot = await log.snapshot(version === undefined ? {} : { version: Number(version) });
    const expected = await expectedRows(snapshot, join(fixtures, `${name}.rows.jsonl`));
    expect(await scanRows(snapshot, store)).toEqual(expected);
    expect(expected.length).toBeGreaterThan(0);
  });
});

describe('what other writers say of their tables', () => {
  it.each(['spark/basic', 'spark/dv', 'spark/cdf', 'spark/mapping_id'])(
    'is the history of %s',
    async (table) => {
      const written = JSON.parse(
        await readFile(join(fixtures, `${table}.history.json`), 'utf8'),
      ) as readonly {
        readonly version: number;
        readonly operation: string;
      }[];
      const history = await openLog(table).log.history();
      expect(history.map(({ version, operation }) => ({ version, operation }))).toEqual(
        written.map(({ version, operation }) => ({ version, operation })),
      );
      expect(history[0]?.engineInfo).toMatch(/Delta-Lake/);
    },
  );

  it('is when they committed, where they say so themselves', async () => {
    const written = JSON.parse(
      await readFile(join(fixtures, 'spark/in_commit.history.json'), 'utf8'),
    ) as readonly {
      readonly version: number;
      readonly ms: number;
    }[];
    const { log } = openLog('spark/in_commit');
    const history = await log.history({ limit: 2 });
    expect(history.map(({ version, timestampMs }) => ({ version, ms: timestampMs }))).toEqual(
      written.slice(0, 2).map(({ version, ms }) => ({ version, ms })),
    );
    expect((await log.snapshot()).timestampMs).toBe(written[0]?.ms);
    expect((await log.snapshot({ timestampMs: (written[0]?.ms ?? 0) - 1 })).version).toBe(3);
  });

  it('is kept in statistics, tags, row ids, domains and metadata of columns', async () => {
    const { log: tracked } = openLog('spark/row_tracking');
    expect((await tracked.snapshot()).files[0]).toMatchObject({ baseRowId: 0, defaultRowCommitVersion: 1 });
    expect([...(await tracked.snapshot()).domains.keys()]).toContain('delta.rowTracking');
    const { log: clustered } = openLog('spark/liquid');
    expect([...(await clustered.snapshot()).domains.keys()]).toContain('delta.clustering');
    const { fields } = await openLog('spark/generated').log.snapshot();
    expect(fields[0]?.metadata).toMatchObject({ 'delta.identity.start': 10, 'delta.identity.step': 5 });
    expect(fields[2]?.metadata).toMatchObject({ 'delta.generationExpression': 'CAST(at AS DATE)' });
    expect(fields[3]).toMatchObject({
      nullable: false,
      metadata: { comment: 'in cents', CURRENT_DEFAULT: '7' },
    });
  });

  it('is the same in statistics that a checkpoint keeps as columns', async () => {
    const { log, store } = openLog('spark/v1_checkpoint');
    const { files } = await log.snapshot({ version: 5 });
    const folder = join(fixtures, 'spark/v1_checkpoint/_delta_log');
    const key = `_delta_log/${'5'.padStart(20, '0')}.checkpoint.parquet`;
    const parsed = join(scratch, 'parsed.parquet');
    const bounds = { id: 'BIGINT', name: 'VARCHAR', at: 'TIMESTAMP WITH TIME ZONE', p: 'VARCHAR' };
    const counts = { id: 'BIGINT', name: 'BIGINT', at: 'BIGINT', p: 'BIGINT' };
    const stats = { numRecords: 'BIGINT', minValues: bounds, maxValues: bounds, nullCount: counts };
    await using connection = await duckDb.connect();
    await connection.run(
      `SET TimeZone = 'UTC'; COPY (SELECT * REPLACE (CASE WHEN add IS NOT NULL THEN struct_pack(
         path := add.path, partitionValues := add.partitionValues, size := add.size,
         modificationTime := add.modificationTime, dataChange := add.dataChange,
         stats_parsed := from_json(add.stats::JSON, ${quoteLiteral(JSON.stringify(stats))})) END AS add)
       FROM read_parquet(${quoteLiteral(join(folder, `${'5'.padStart(20, '0')}.checkpoint.parquet`))}))
       TO ${quoteLiteral(parsed)} (FORMAT parquet)`,
    );
    store.set(key, await readFile(parsed));
    const again = await new DeltaLog({ store, parquet: parquetRows() }).snapshot({ version: 5 });
    const milliseconds = (text: string | undefined) => text?.replaceAll('.500Z', '.5Z');
    expect(again.files.map((file) => file.stats)).toEqual(files.map((file) => milliseconds(file.stats)));
    expect(files).toHaveLength(3);
  });

  it('is where the files of a clone lie', async () => {
    const { log } = openLog('spark/clone');
    const { files, location } = await log.snapshot();
    for (const { path, deletionVector } of files) {
      const at = resolveDataPath(location, path);
      expect(at.kind === 'absolute' && at.location).toMatch(/^\/tmp\/skein-fixture-source\/part-.*parquet$/);
      expect(deletionVector?.storageType).toBe('p');
      const vector = deletionVector && deletionVectorPath(location, deletionVector);
      expect(vector?.kind === 'absolute' && vector.location).toMatch(/^\/tmp\/skein-fixture-source\/.*bin$/);
    }
    expect(files).toHaveLength(1);
  });

  it('is what changed, in files of changes', async () => {
    const { log } = openLog('spark/cdf');
    const kinds: string[] = [];
    for await (const { actions } of log.commits(2, 4))
      for (const action of actions) kinds.push(...Object.keys(action).filter((key) => key === 'cdc'));
    expect(kinds.length).toBeGreaterThanOrEqual(2);
  });

  it('is a table that only newer readers read, refused by name', async () => {
    const { log, store } = openLog('spark/dv');
    const { version } = await log.snapshot();
    const features = ['deletionVectors', 'variantType'];
    const next = {
      protocol: {
        minReaderVersion: 3,
        minWriterVersion: 7,
        readerFeatures: features,
        writerFeatures: features,
      },
    };
    store.set(`_delta_log/${String(version + 1).padStart(20, '0')}.json`, JSON.stringify(next));
    await expect(log.snapshot()).rejects.toMatchObject({
      sqlState: '0A000',
      message: expect.stringContaining('variantType') as string,
    });
  });

  it('is damaged where the end of a checkpoint is missing', async () => {
    for (const table of ['spark/v1_checkpoint', 'spark/multipart', 'spark/v2_parquet', 'spark/v2_json']) {
      const { log, store } = openLog(table);
      const key = store.keys().find((each) => /checkpoint\..*(parquet|json)$/.test(each)) ?? '';
      store.set(key, store.bytesOf(key).subarray(0, -2));
      await expect(log.snapshot(), table).rejects.toMatchObject({
        sqlState: 'XX001',
        details: { path: `${store.root}/${key}` },
      });
    }
  });
});
