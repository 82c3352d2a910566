import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type InputInit, TaskFixture } from '../../../test/support/task-fixture.ts';
import { DuckDb } from '../../duckdb/index.ts';
import type { DeltaFileSchema, DeltaScanSchema } from '../../rpc/index.ts';
import {
  type DeletionVectorDescriptor,
  deletionVectorKey,
  encodeDeletionVector,
  encodeDeletionVectorName,
  frameDeletionVectors,
  inlineDeletionVector,
  type RowRuns,
  RowRunsBuilder,
} from '../../storage/index.ts';
import type { SqlValue } from '../../types/index.ts';
import type { RemoteFiles } from '../remote-files.ts';

type FileInit = Exclude<MessageInitShape<typeof DeltaFileSchema>, { $typeName: string }>;
type ScanInit = MessageInitShape<typeof DeltaScanSchema>;

let fixture: TaskFixture;
let duckdb: DuckDb;
beforeEach(async () => {
  fixture = await TaskFixture.create();
  duckdb = await DuckDb.open({
    threads: 1,
    memoryBytes: 256 * 1024 ** 2,
    tempDirectory: path.join(fixture.dir, 'tmp'),
    readRoots: [fixture.dir],
    writeRoots: [fixture.dir],
  });
});
afterEach(async () => {
  duckdb.close();
  await fixture[Symbol.asyncDispose]();
});

async function write(name: string, select: string, options = ''): Promise<FileInit & { path: string }> {
  const file = path.join(fixture.dir, name);
  await using connection = await duckdb.connect();
  await connection.run(`COPY (${select}) TO '${file}' (FORMAT parquet${options})`);
  const bytes = await readFile(file);
  return { path: file, logPath: name, bytes: BigInt(bytes.length), crc32: crc32(bytes) };
}

function input(columns: [string, string][], delta: ScanInit, splits = wholes(delta)): InputInit {
  return {
    name: 'main.t',
    columns: columns.map(([name, type]) => ({ name, type })),
    source: { case: 'scan', value: { format: 'delta', splits, delta } },
  };
}

function wholes({ files = [] }: ScanInit): { path: string; firstRow?: bigint; rowCount?: bigint }[] {
  return files.map((file) => ({ path: file.path ?? '' }));
}

const data = (name: string, type: string, more = {}) => ({
  source: { case: 'data' as const, value: { name, type, ...more } },
});
const partition = (value: number) => ({ source: { case: 'partition' as const, value } });
const hidden = (value: string) => ({ source: { case: 'hidden' as const, value } });

function runs(bounds: readonly (readonly [number, number])[]): RowRuns {
  const builder = new RowRunsBuilder();
  for (const [start, end] of bounds) builder.add(start, end);
  return builder.build();
}

const inProto = ({ cardinality, ...vector }: DeletionVectorDescriptor) => ({
  ...vector,
  cardinality: BigInt(cardinality),
});
const inline = (...bounds: readonly (readonly [number, number])[]) =>
  inProto(inlineDeletionVector(runs(bounds)));

/** A vector in a file of the table. */
async function inFile(rowRuns: RowRuns): Promise<{ vector: ReturnType<typeof inProto>; path: string }> {
  const uuid = 'd2c639aa-8816-431a-aaf6-d3fe2512ff61';
  const { bytes, vectors } = frameDeletionVectors([encodeDeletionVector(rowRuns)]);
  const file = path.join(fixture.dir, deletionVectorKey(uuid));
  await writeFile(file, bytes);
  const at = vectors[0] ?? { offset: 0, sizeInBytes: 0 };
  const descriptor = { storageType: 'u' as const, pathOrInlineDv: encodeDeletionVectorName(uuid), ...at };
  return { vector: inProto({ ...descriptor, cardinality: rowRuns.rowCount }), path: file };
}

async function rows(sql: string, scan: InputInit, remoteFiles?: RemoteFiles): Promise<SqlValue[][]> {
  const runtime = await fixture.runtime(undefined, remoteFiles);
  return fixture.rows(runtime, { sql, inputs: [scan] });
}

describe('columns', () => {
  it('are found by name or by id, NULL where a file has none, cast to what the table says', async () => {
    const old = await write('old', `SELECT 1::INTEGER AS "p a", 'x' AS pb`, `, FIELD_IDS {"p a": 7, pb: 8}`);
    const fresh = await write(
      'new',
      `SELECT 2::BIGINT AS "P A", '12' AS pc`,
      `, FIELD_IDS {"P A": 7, pc: 9}`,
    );
    const columns: [string, string][] = [
      ['a', 'BIGINT'],
      ['file_row_number', 'VARCHAR'],
      ['c', 'HUGEINT'],
    ];
    const stored = [data('p a', 'BIGINT'), data('pb', 'VARCHAR'), data('pc', 'VARCHAR')];
    const files = [old, fresh];
    const expected = [
      [1n, 'x', null],
      [2n, null, 12n],
    ];
    expect(await rows('SELECT * FROM t ORDER BY 1', input(columns, { columns: stored, files }))).toEqual(
      expected,
    );
    const byId = [
      data('?', 'BIGINT', { fieldId: 7 }),
      data('?', 'VARCHAR', { fieldId: 8 }),
      data('?', 'VARCHAR', { fieldId: 9 }),
    ];
    expect(await rows('SELECT * FROM t ORDER BY 1', input(columns, { columns: byId, files }))).toEqual(
      expected,
    );
  });

  it('put structs, lists and maps together again, and leave NULLs as they are', async () => {
    const file = await write(
      'nested',
      `SELECT * FROM (VALUES
        (1, {'x1': 1, 'x2': [{'y1': 'a'}, NULL]}, MAP {'k': {'z1': 5}}),
        (2, NULL, NULL),
        (3, {'x1': NULL, 'x2': NULL}, MAP {'k': NULL})) AS t(id, s, m)`,
    );
    const struct = 'STRUCT(a BIGINT, b STRUCT(c VARCHAR)[])';
    const map = 'MAP(VARCHAR, STRUCT(d BIGINT, e DATE))';
    const columns = [
      data('id', 'INTEGER'),
      data('s', struct, {
        children: [
          { name: 'x1', type: 'INTEGER' },
          {
            name: 'x2',
            type: 'STRUCT(c VARCHAR)[]',
            children: [{ type: 'STRUCT(c VARCHAR)', children: [{ name: 'y1', type: 'VARCHAR' }] }],
          },
        ],
      }),
      data('m', map, {
        children: [
          { type: 'VARCHAR' },
          {
            type: 'STRUCT(d BIGINT, e DATE)',
            children: [
              { name: 'z1', type: 'INTEGER' },
              { name: 'z9', type: 'DATE' },
            ],
          },
        ],
      }),
    ];
    const scan = input(
      [
        ['id', 'INTEGER'],
        ['s', struct],
        ['m', map],
      ],
      { columns, files: [file] },
    );
    const sql = 'SELECT s::VARCHAR, m::VARCHAR, s IS NULL, typeof(s) FROM t ORDER BY id';
    const type = 'STRUCT(a BIGINT, b STRUCT(c VARCHAR)[])';
    expect(await rows(sql, scan)).toEqual([
      [`{'a': 1, 'b': [{'c': a}, NULL]}`, `{k={'d': 5, 'e': NULL}}`, false, type],
      [null, null, true, type],
      [`{'a': NULL, 'b': NULL}`, '{k=NULL}', false, type],
    ]);
  });

  it('of partitions come from the log, whatever part of a file is read', async () => {
    const values = [
      [`it's`, '7', '2024-01-02', '2024-01-02 03:04:05.000006', '\u0001\u00ff'],
      [null, '', '', '2024-01-02T03:04:05.5Z', ''],
      ['', '-3', '0001-01-01', '1969-12-31T23:00:00+01:00', 'a'],
    ];
    const files = await Promise.all(
      values.map(async (list, index) => ({
        ...(await write(`p${index}`, 'SELECT i FROM range(10) AS r(i)')),
        partitionValues: list.map((value) => (value === null ? {} : { value })),
      })),
    );
    const types = ['VARCHAR', 'DECIMAL(5,2)', 'DATE', 'TIMESTAMP WITH TIME ZONE', 'BLOB'];
    const columns: [string, string][] = [
      ...types.map((type, index): [string, string] => [`p${index}`, type]),
      ['i', 'BIGINT'],
    ];
    const delta = { columns: [...types.map((_, index) => partition(index)), data('i', 'BIGINT')], files };
    const splits = files.flatMap(({ path: file }, index) =>
      index === 1
        ? [
            { path: file, firstRow: 2n, rowCount: 3n },
            { path: file, firstRow: 8n, rowCount: 1n },
          ]
        : [{ path: file }],
    );
    const sql = `SELECT p0, p1::VARCHAR, p2::VARCHAR, epoch_us(p3), p4::VARCHAR, count(*), sum(i)::INTEGER
      FROM t GROUP BY p0, p1, p2, p3, p4 ORDER BY p1 NULLS LAST`;
    expect(await rows(sql, input(columns, delta, splits))).toEqual([
      [null, '-3.00', '0001-01-01', -7_200_000_000n, 'a', 10n, 45],
      [`it's`, '7.00', '2024-01-02', 1_704_164_645_000_006n, '\\x01\\xFF', 10n, 45],
      [null, null, null, 1_704_164_645_500_000n, null, 4n, 17],
    ]);
    const filtered = `SELECT count(*) FROM t WHERE p1 > 0 AND i < 4`;
    expect(await rows(filtered, input(columns, delta, splits))).toEqual([[4n]]);
  });

  it('say where a row is, and need no column of the files', async () => {
    const files = [
      await write('a', 'SELECT 1 AS file_index FROM range(3)'),
      await write('b', 'SELECT 2 AS x FROM range(2)'),
    ];
    const columns: [string, string][] = [
      ['_skein_file', 'VARCHAR'],
      ['_skein_row', 'BIGINT'],
    ];
    const delta = { columns: [hidden('file'), hidden('row')], files };
    const all = await rows('SELECT * FROM t ORDER BY ALL', input(columns, delta));
    expect(all).toEqual([
      ['a', 0n],
      ['a', 1n],
      ['a', 2n],
      ['b', 0n],
      ['b', 1n],
    ]);
    const stored = { columns: [...delta.columns, data('x', 'INTEGER')], files };
    const some = input([...columns, ['x', 'INTEGER']], stored, [
      { path: files[1]?.path ?? '', firstRow: 1n, rowCount: 1n },
    ]);
    expect(await rows('SELECT * FROM t', some)).toEqual([['b', 1n, 2]]);
  });
});

describe('deletion vectors', () => {
  it('leave out exactly their rows, also of a part of a file, for any number of them', async () => {
    const total = 1_200_000;
    const big = await write('big', `SELECT i FROM range(${total}) AS r(i)`, ', ROW_GROUP_SIZE 122880');
    const small = await write('small', 'SELECT i + 2000000 AS i FROM range(10) AS r(i)');
    const plain = await write('plain', 'SELECT i + 3000000 AS i FROM range(10) AS r(i)');
    const scattered = Array.from({ length: total / 3 }, (_, index) => [index * 3, index * 3 + 1] as const);
    const deleted = scattered.filter(([row]) => row < 600_000 || row >= 1_150_000);
    const at = deleted.findIndex(([row]) => row >= 1_150_000);
    const { vector } = await inFile(
      runs([...deleted.slice(0, at), [600_000, 1_150_000], ...deleted.slice(at)]),
    );
    const files = [
      { ...big, deletionVector: vector },
      plain,
      { ...small, deletionVector: inline([0, 2], [9, 10]) },
    ];
    const delta = { location: fixture.dir, columns: [data('i', 'BIGINT')], files };
    const isDeleted = `(i % 3 = 0 OR i BETWEEN 600000 AND 1149999)`;
    const digest = 'SELECT count(*), sum(i)::BIGINT, count(*) FILTER (i >= 2000000)';
    const expected = await rows(
      `${digest} FROM (FROM range(${total}) AS r(i) WHERE NOT ${isDeleted}
       UNION ALL SELECT i + 2000000 FROM range(2, 9) AS r(i) UNION ALL SELECT i + 3000000 FROM range(10) AS r(i))`,
      input([['i', 'BIGINT']], delta),
    );
    expect(await rows(`${digest} FROM t`, input([['i', 'BIGINT']], delta))).toEqual(expected);
    const ranges = [
      { path: big.path, firstRow: 500_000n, rowCount: 660_000n },
      { path: small.path, firstRow: 1n, rowCount: 3n },
    ];
    const part = await rows(
      'SELECT count(*), min(i), max(i) FROM t',
      input([['i', 'BIGINT']], delta, ranges),
    );
    const inRange = await rows(
      `SELECT count(*) + 2, min(i), 2000003::BIGINT FROM range(500000, 1160000) AS r(i) WHERE NOT ${isDeleted}`,
      input([['i', 'BIGINT']], delta),
    );
    expect(part).toEqual(inRange);
  }, 60_000);

  it('that are damaged, or of another file, are XX001', async () => {
    const file = await write('f', 'SELECT 1 AS i');
    const { vector, path: vectorPath } = await inFile(runs([[0, 1]]));
    const scan = (deletionVector: typeof vector) =>
      input([['i', 'INTEGER']], {
        location: fixture.dir,
        columns: [data('i', 'INTEGER')],
        files: [{ ...file, deletionVector }],
      });
    expect(await rows('SELECT count(*) FROM t', scan(vector))).toEqual([[0n]]);
    const bytes = await readFile(vectorPath);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await writeFile(vectorPath, bytes);
    await expect(rows('FROM t', scan(vector))).rejects.toMatchObject({
      sqlState: 'XX001',
      details: { path: vectorPath },
    });
    await expect(rows('FROM t', scan(inline([1, 2])))).rejects.toMatchObject({
      sqlState: 'XX001',
      details: { path: file.path },
    });
  });
});

describe('data files', () => {
  it('that are missing, torn or changed are named, and never read', async () => {
    const file = await write('f', 'SELECT i FROM range(1000) AS r(i)');
    const scan = input([['i', 'BIGINT']], { columns: [data('i', 'BIGINT')], files: [file] });
    const runtime = await fixture.runtime();
    const read = () => fixture.rows(runtime, { sql: 'SELECT count(*) FROM t', inputs: [scan] });
    expect(await read()).toEqual([[1000n]]);
    const bytes = await readFile(file.path);
    const damaged = Buffer.from(bytes);
    damaged[100] = (damaged[100] ?? 0) ^ 1;
    await writeFile(file.path, damaged);
    await expect(read()).rejects.toMatchObject({ sqlState: 'XX001', details: { path: file.path } });
    await writeFile(file.path, bytes);
    expect(await read()).toEqual([[1000n]]);
    await truncate(file.path, bytes.length - 1);
    await expect(read()).rejects.toMatchObject({ sqlState: 'XX001', details: { path: file.path } });
    await rm(file.path);
    await expect(read()).rejects.toMatchObject({ sqlState: '58P01', details: { path: file.path } });
  });

  it('without a checksum that DuckDB cannot decode are named', async () => {
    const good = await write('good', 'SELECT i FROM range(10) AS r(i)');
    const bad = path.join(fixture.dir, 'bad');
    await writeFile(bad, 'PAR1 this is no Parquet file PAR1');
    const files = [good, { path: bad, logPath: 'bad', bytes: 33n, rows: 1n }];
    const scan = input([['i', 'BIGINT']], { columns: [data('i', 'BIGINT')], files });
    await expect(rows('SELECT sum(i) FROM t', scan)).rejects.toMatchObject({
      sqlState: 'XX001',
      details: { path: bad },
    });
  });

  it('elsewhere are brought for the task and let go after it', async () => {
    const local = await write('remote', 'SELECT i FROM range(10) AS r(i)');
    const events: string[] = [];
    const remoteFiles: RemoteFiles = {
      open: async (file, wanted) => {
        events.push(`open ${file} ${wanted.columns?.join()}`);
        const release = async (): Promise<void> => void events.push('release');
        return { localPath: local.path, release, reject: release, [Symbol.asyncDispose]: release };
      },
    };
    const file = { path: 's3://b/k', logPath: 'k', bytes: local.bytes ?? 0n, rows: 10n };
    const scan = input(
      [
        ['i', 'BIGINT'],
        ['p', 'VARCHAR'],
      ],
      {
        columns: [data('stored i', 'BIGINT'), partition(0)],
        files: [{ ...file, partitionValues: [{ value: 'x' }] }],
      },
    );
    expect(await rows('SELECT count(*), min(p) FROM t', scan, remoteFiles)).toEqual([[10n, 'x']]);
    expect(events).toEqual(['open s3://b/k stored i', 'release']);
    await expect(rows('FROM t', scan)).rejects.toMatchObject({ sqlState: '58030' });
  });
});

describe('tables of other schemas', () => {
  it('are found with their deletion vectors', async () => {
    const file = await write('f', 'SELECT i FROM range(10) AS r(i)');
    const deletionVector = inline([3, 5]);
    const scan = input([['i', 'BIGINT']], {
      location: fixture.dir,
      columns: [data('i', 'BIGINT')],
      files: [{ ...file, deletionVector }],
    });
    const found = await rows('SELECT count(*) FROM s.t', { ...scan, name: 's.t' });
    expect(found).toEqual([[8n]]);
  });
});
