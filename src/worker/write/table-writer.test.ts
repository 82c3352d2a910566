import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bareDuckDb } from '../../../test/support/bare-duckdb.ts';
import { FolderStore } from '../../../test/support/folder-store.ts';
import type { Runner } from '../../../test/support/runner.ts';
import { lineitem, lineitemRows, TaskFixture } from '../../../test/support/task-fixture.ts';
import { SkeinError } from '../../common/index.ts';
import type { RunTaskResponse, WriteColumnSchema, WriteTaskSchema } from '../../rpc/index.ts';
import { keyOfPath, type WrittenFile, writtenFileColumns, writtenFileFromRow } from '../../storage/index.ts';
import { formatType, type SqlValue } from '../../types/index.ts';
import type { FragmentRuntime } from '../fragment-runtime.ts';
import type { Worker } from '../worker.ts';

type WriteInit = Omit<MessageInitShape<typeof WriteTaskSchema>, '$typeName'>;

const signal = new AbortController().signal;
const descriptor = writtenFileColumns.map(({ name, type }) => ({ name, type: formatType(type) }));

let fixture: TaskFixture;
let worker: Worker;
let root: FragmentRuntime;
let bare: Runner;
let serial = 0;
let store: FolderStore;

beforeAll(async () => {
  fixture = await TaskFixture.create();
  worker = await fixture.worker('w1', { openStore: () => store });
  root = await fixture.runtime();
  bare = await bareDuckDb([]);
});

afterAll(async () => {
  await bare.close();
  await fixture[Symbol.asyncDispose]();
});

/** A table that has nothing yet. */
function newTable(): string {
  serial += 1;
  store = new FolderStore(path.join(fixture.dir, `table${serial}`));
  return store.root;
}

/** Columns by position, stored as they are unless `change` says otherwise. */
function column(
  position: number,
  name: string,
  type: string,
  change: Partial<MessageInitShape<typeof WriteColumnSchema>> = {},
): MessageInitShape<typeof WriteColumnSchema> {
  return { position, name, stored: { name, type }, ...change } as MessageInitShape<typeof WriteColumnSchema>;
}

async function run(sql: string, write: WriteInit, ordered = false): Promise<RunTaskResponse> {
  const task = fixture.task({
    sql,
    inputs: [lineitem()],
    columns: descriptor,
    wireColumns: descriptor,
    ordered,
    write: { targetFileBytes: 128n * 1024n ** 2n, ...write },
  });
  return await worker.runTask(task, signal);
}

async function filesOf({ partitions }: RunTaskResponse): Promise<readonly WrittenFile[]> {
  const rows = await fixture.rows(root, {
    sql: 'SELECT * FROM files',
    inputs: [
      {
        name: 'files',
        columns: descriptor.map(({ type }, index) => ({ name: `c${index}`, type })),
        source: { case: 'exchange', value: { partitions } },
      },
    ],
    columns: descriptor,
  });
  return rows.map(writtenFileFromRow);
}

async function write(sql: string, task: WriteInit, ordered = false): Promise<readonly WrittenFile[]> {
  return await filesOf(await run(sql, task, ordered));
}

async function onDisk(): Promise<readonly string[]> {
  const entries = await readdir(store.root, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(store.root, path.join(entry.parentPath, entry.name)))
    .sort();
}

function source(file: WrittenFile): string {
  return `read_parquet('${path.join(store.root, keyOfPath(file.path)).replaceAll("'", "''")}', hive_partitioning = false)`;
}

async function read(sql: string): Promise<readonly (readonly SqlValue[])[]> {
  return (await bare.query(sql)).rows;
}

describe('a task that writes a table', () => {
  it('puts its rows into a file and describes it', async () => {
    const location = newTable();
    const types = ['BIGINT', 'VARCHAR'];
    const columns = [column(1, 'text', 'VARCHAR'), column(0, 'key', 'BIGINT', { required: true })];
    const response = await run('SELECT l_orderkey, l_comment FROM lineitem', { location, types, columns });
    const [file, ...others] = await filesOf(response);
    expect(others).toEqual([]);
    expect(file?.rows).toBe(lineitemRows);
    expect(file?.path).toMatch(/^part-00000-[0-9a-f-]{36}\.c000\.zstd\.parquet$/);
    expect(file?.partitionValues).toEqual({});
    expect(file?.shard).toBeUndefined();
    expect(await onDisk()).toEqual([file?.path]);
    expect(response.writtenKeys).toEqual([file?.path]);
    expect(response.stats?.writtenRows).toBe(BigInt(lineitemRows));
    expect(response.stats?.writtenFiles).toBe(1n);
    expect(response.stats?.writtenBytes).toBe(BigInt(file?.bytes ?? 0));
    const [sums] = await read(
      `SELECT sum(key)::BIGINT, sum(length(text))::BIGINT FROM ${file && source(file)}`,
    );
    const [wanted] = await read(
      `SELECT sum(l_orderkey)::BIGINT, sum(length(l_comment))::BIGINT FROM 'test/data/tpch/sf0.01/lineitem.parquet'`,
    );
    expect(sums).toEqual(wanted);
  });

  it('leaves no file for no rows', async () => {
    const location = newTable();
    const response = await run('SELECT 1 AS a WHERE false', {
      location,
      types: ['INTEGER'],
      columns: [column(0, 'a', 'INTEGER')],
    });
    expect(response.partitions).toEqual([]);
    expect(await onDisk()).toEqual([]);
    const partitioned = await run('SELECT 1 AS a, 2 AS b WHERE false', {
      location,
      types: ['INTEGER', 'INTEGER'],
      columns: [column(0, 'a', 'INTEGER')],
      partitionBy: [{ position: 1, name: 'b', type: 'INTEGER' }],
    });
    expect(partitioned.partitions).toEqual([]);
    expect(await onDisk()).toEqual([]);
  });

  it('closes files at a size, and keeps an order across them', async () => {
    const location = newTable();
    const files = await write(
      'SELECT range AS a, md5(range::VARCHAR) AS b FROM range(700000) ORDER BY a',
      {
        location,
        types: ['BIGINT', 'VARCHAR'],
        columns: [column(0, 'a', 'BIGINT'), column(1, 'b', 'VARCHAR')],
        targetFileBytes: 2_000_000n,
      },
      true,
    );
    expect(files.length).toBeGreaterThan(2);
    expect(files.reduce((sum, file) => sum + file.rows, 0)).toBe(700_000);
    const ranges: (readonly SqlValue[])[] = [];
    for (const file of files) {
      const [range] = await read(
        `SELECT min(a), max(a), count(*) FILTER (a < before) FROM (SELECT a, lag(a) OVER () AS before FROM ${source(file)})`,
      );
      expect(range?.[2]).toBe(0n);
      ranges.push(range ?? []);
    }
    ranges.sort((a, b) => Number(a[0]) - Number(b[0]));
    for (const [index, range] of ranges.entries()) {
      const next = ranges[index + 1];
      if (next !== undefined) expect(Number(range[1])).toBe(Number(next[0]) - 1);
    }
  });

  it('stores other types and other names, inside and out, with field ids', async () => {
    const location = newTable();
    const struct = 'STRUCT("a" INTEGER, "b" UUID)';
    const files = await write(
      `SELECT uuid '00000000-0000-0000-0000-000000000001' AS u, 12::HUGEINT AS h,
        [{'a': 1, 'b': uuid '00000000-0000-0000-0000-000000000002'}, NULL, {'a': NULL, 'b': NULL}] AS l,
        MAP {'k': {'a': 5, 'b': NULL::UUID}} AS m, [1, 2, 3]::INTEGER[3] AS r,
        INTERVAL '-1 month 2 days' AS i, TIMESTAMP_NS '2020-01-02 03:04:05.123456789' AS n`,
      {
        location,
        types: [
          'UUID',
          'HUGEINT',
          `${struct}[]`,
          `MAP(VARCHAR, ${struct})`,
          'INTEGER[3]',
          'INTERVAL',
          'TIMESTAMP_NS',
        ],
        columns: [
          column(0, 'u', 'VARCHAR', { stored: { name: 'u', type: 'VARCHAR', fieldId: 1 } }),
          column(1, 'h', 'DECIMAL(38,0)', { stored: { name: 'h', type: 'DECIMAL(38,0)', fieldId: 2 } }),
          column(2, 'l', '', {
            stored: {
              name: 'l',
              type: 'STRUCT("a" INTEGER, "b" VARCHAR)[]',
              fieldId: 3,
              children: [
                {
                  name: 'element',
                  type: 'STRUCT("a" INTEGER, "b" VARCHAR)',
                  fieldId: 4,
                  children: [
                    { name: 'col-a', type: 'INTEGER', fieldId: 5 },
                    { name: 'col-b', type: 'VARCHAR', fieldId: 6 },
                  ],
                },
              ],
            },
          }),
          column(3, 'm', 'MAP(VARCHAR, STRUCT("x" BIGINT, "y" VARCHAR))'),
          column(4, 'r', 'INTEGER[]'),
          column(5, 'i', 'VARCHAR'),
          column(6, 'n', 'VARCHAR'),
        ],
      },
    );
    const [file] = files;
    if (file === undefined) throw new Error('no file');
    const [row] = await read(`SELECT u, h::VARCHAR, l::VARCHAR, m::VARCHAR, r, i, n FROM ${source(file)}`);
    expect(row).toEqual([
      '00000000-0000-0000-0000-000000000001',
      '12',
      "[{'col-a': 1, 'col-b': 00000000-0000-0000-0000-000000000002}, NULL, {'col-a': NULL, 'col-b': NULL}]",
      "{k={'x': 5, 'y': NULL}}",
      [1, 2, 3],
      '-1 months 2 days 0 microseconds',
      '2020-01-02 03:04:05.123456789',
    ]);
    const target = path.join(store.root, file.path);
    const ids = await read(
      `SELECT name, field_id FROM parquet_schema('${target}') WHERE field_id IS NOT NULL`,
    );
    expect(ids).toEqual([
      ['u', 1n],
      ['h', 2n],
      ['l', 3n],
      ['element', 4n],
      ['col-a', 5n],
      ['col-b', 6n],
    ]);
  });
});

describe('partitions', () => {
  const awkward = [
    'plain',
    'a/b=c%d:e f',
    '..',
    'NULL',
    '__HIVE_DEFAULT_PARTITION__',
    'ünïcödé 🦆',
    'x\'y"z',
    'line\nbreak',
    'A',
    'a',
    'x'.repeat(300),
  ];

  it('keep values exactly, whatever characters they have', async () => {
    const location = newTable();
    const list = awkward.map((text) => `('${text.replaceAll("'", "''")}')`).join(', ');
    const files = await write(`SELECT p, n FROM (VALUES ${list}, (NULL)) t(p), range(3) r(n)`, {
      location,
      types: ['VARCHAR', 'BIGINT'],
      columns: [column(1, 'n', 'BIGINT')],
      partitionBy: [{ position: 0, name: 'p', type: 'VARCHAR' }],
    });
    const counts = files.map(({ partitionValues, rows }) => [partitionValues.p, rows] as const);
    const wanted = [...awkward.map((text) => [text, 3] as const), [null, 3] as const];
    expect(new Map(counts)).toEqual(new Map(wanted));
    expect(files.length).toBe(wanted.length);
    const folders = (await onDisk()).map((name) => path.dirname(name));
    expect(folders).toContain('p=a%2Fb%3Dc%25d%3Ae%20f');
    expect(folders).toContain('p=__HIVE_DEFAULT_PARTITION__');
    expect(folders).toContain('.');
    const [hive] = files.filter(({ partitionValues }) => partitionValues.p === 'a/b=c%d:e f');
    expect(hive?.path).toMatch(/^p=a%252Fb%253Dc%2525d%253Ae%2520f\/part-/);
    for (const file of files) {
      expect(await read(`SELECT count(*) FROM ${source(file)}`)).toEqual([[BigInt(file.rows)]]);
    }
  });

  it.each([
    ['VARCHAR', "''", 'cannot tell it from NULL'],
    ['DATE', "'infinity'", "DATE 'infinity' in"],
    ['DATE', "'0044-03-15 (BC)'", 'years 0001 to 9999'],
    ['TIMESTAMP', "'-infinity'", 'years 0001 to 9999'],
    ['TIMESTAMP WITH TIME ZONE', "'infinity'", 'years 0001 to 9999'],
    ['TIMESTAMP WITH TIME ZONE', "'12024-01-01 00:00:00+00'", 'years 0001 to 9999'],
  ])('refuse %s %s, which a log cannot say', async (type, value, message) => {
    const failing = write(`SELECT CAST(${value} AS ${type}) AS p, 1 AS n`, {
      location: newTable(),
      types: [type, 'INTEGER'],
      columns: [column(1, 'n', 'INTEGER')],
      partitionBy: [{ position: 0, name: 'p', type }],
    });
    await expect(failing).rejects.toMatchObject({
      sqlState: '22003',
      message: expect.stringContaining(message),
    });
  });

  it('are spelled as the Delta protocol says', async () => {
    const location = newTable();
    const files = await write(
      `SELECT 1 AS a, DATE '2020-01-02' AS d, TIMESTAMP '2020-01-02 03:04:05.5' AS t,
        TIMESTAMPTZ '2020-01-02 03:04:05+02' AS z, 'inf'::DOUBLE AS f, 1.50::DECIMAL(5,2) AS m, true AS b`,
      {
        location,
        types: [
          'INTEGER',
          'DATE',
          'TIMESTAMP',
          'TIMESTAMP WITH TIME ZONE',
          'DOUBLE',
          'DECIMAL(5,2)',
          'BOOLEAN',
        ],
        columns: [column(0, 'a', 'INTEGER')],
        partitionBy: [
          'DATE',
          'TIMESTAMP',
          'TIMESTAMP WITH TIME ZONE',
          'DOUBLE',
          'DECIMAL(5,2)',
          'BOOLEAN',
        ].map((type, index) => ({ position: index + 1, name: `p${index}`, type })),
      },
    );
    expect(files.map((file) => file.partitionValues)).toEqual([
      {
        p0: '2020-01-02',
        p1: '2020-01-02 03:04:05.5',
        p2: '2020-01-02T01:04:05.000000Z',
        p3: 'Infinity',
        p4: '1.50',
        p5: 'true',
      },
    ]);
  });

  it('can be many in one task, and shards lie apart', async () => {
    const location = newTable();
    const files = await write(
      'SELECT range % 700 AS p, (range % 2)::INTEGER AS s, range AS a FROM range(300000)',
      {
        location,
        types: ['BIGINT', 'INTEGER', 'BIGINT'],
        columns: [column(2, 'a', 'BIGINT')],
        partitionBy: [{ position: 0, name: 'p', type: 'BIGINT' }],
        shardColumn: 1,
      },
    );
    expect(files.length).toBe(700);
    expect(files.reduce((sum, file) => sum + file.rows, 0)).toBe(300_000);
    for (const file of files) expect(file.shard).toBe(Number(file.partitionValues.p) % 2);
    const [sample] = files.filter(({ partitionValues }) => partitionValues.p === '123');
    expect(await read(`SELECT DISTINCT a % 700 FROM ${sample && source(sample)}`)).toEqual([[123n]]);
  });

  it('keep the order of the rows in them where there is one', async () => {
    const location = newTable();
    const files = await write(
      'SELECT range % 2 AS p, -range AS a FROM range(400000) ORDER BY range',
      {
        location,
        types: ['BIGINT', 'BIGINT'],
        columns: [column(1, 'a', 'BIGINT')],
        partitionBy: [{ position: 0, name: 'p', type: 'BIGINT' }],
      },
      true,
    );
    expect(files.length).toBe(2);
    for (const file of files) {
      const disorder = `SELECT count(*) FROM (SELECT a, lag(a) OVER () AS before FROM ${source(file)}) WHERE a > before`;
      expect(await read(disorder)).toEqual([[0n]]);
    }
  });
});

describe('a write that fails', () => {
  const types = ['BIGINT', 'BIGINT'];
  const partitionBy = [{ position: 0, name: 'p', type: 'BIGINT' }];

  it('names the required column that has a NULL, and leaves nothing', async () => {
    const location = newTable();
    const columns = [column(0, 'stored', 'BIGINT', { name: 'given', required: true })];
    const failing = run('SELECT nullif(range, 7) AS a FROM range(10)', {
      location,
      types: ['BIGINT'],
      columns,
    });
    await expect(failing).rejects.toMatchObject({
      sqlState: '23502',
      message: 'null value in column "given" violates its NOT NULL constraint',
    });
    expect(await onDisk()).toEqual([]);
  });

  it('finds NULLs of nested required columns, and of partition columns', async () => {
    const location = newTable();
    const type = 'STRUCT("a" INTEGER)';
    const nested = [column(0, 's', type, { required: true })];
    await write(`SELECT {'a': NULL::INTEGER} AS s`, { location, types: [type], columns: nested });
    const failing = run(`SELECT NULL::STRUCT(a INTEGER) AS s`, { location, types: [type], columns: nested });
    await expect(failing).rejects.toMatchObject({ sqlState: '23502' });
    const byPartition = run('SELECT NULL::BIGINT AS p, 1::BIGINT AS a', {
      location,
      types,
      columns: [column(1, 'a', 'BIGINT')],
      partitionBy: [{ position: 0, name: 'p', type: 'BIGINT', required: true }],
    });
    await expect(byPartition).rejects.toMatchObject({ sqlState: '23502' });
  });

  it('deletes what it had put when a put fails half-way', async () => {
    const location = newTable();
    store.beforePut = (_, count) => {
      if (count === 5) throw new SkeinError('58030', 'the store is gone', { retry: 'task' });
    };
    const failing = run('SELECT range % 9 AS p, range AS a FROM range(100)', {
      location,
      types,
      columns: [column(1, 'a', 'BIGINT')],
      partitionBy,
    });
    await expect(failing).rejects.toMatchObject({ sqlState: '58030' });
    expect(await onDisk()).toEqual([]);
  });

  it('deletes what it had put when its query ends', async () => {
    const location = newTable();
    store.beforePut = async (_, count) => {
      if (count === 5) await worker.dropQuery('q_dropped');
    };
    const task = fixture.task(
      {
        sql: 'SELECT range % 9 AS p, range AS a FROM range(100)',
        columns: descriptor,
        wireColumns: descriptor,
        write: {
          location,
          types,
          columns: [column(1, 'a', 'BIGINT')],
          partitionBy,
          targetFileBytes: 1_000_000n,
        },
      },
      'q_dropped',
    );
    await expect(worker.runTask(task, signal)).rejects.toMatchObject({ sqlState: '57014' });
    expect(await onDisk()).toEqual([]);
  });

  it('fails where a value does not fit the stored type', async () => {
    const location = newTable();
    const failing = run(`SELECT repeat('9', 39)::HUGEINT AS a`, {
      location,
      types: ['HUGEINT'],
      columns: [column(0, 'a', 'DECIMAL(38,0)')],
    });
    await expect(failing).rejects.toMatchObject({ sqlState: expect.stringMatching(/^22/) as string });
    expect(await onDisk()).toEqual([]);
  });
});
