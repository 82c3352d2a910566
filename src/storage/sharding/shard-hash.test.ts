import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DuckDb, type DuckDbConnection } from '../../duckdb/index.ts';
import { parseType, type SqlType, type SqlValue, scalar } from '../../types/index.ts';
import { keepsShard, shardClass } from './shard-class.ts';
import { shardHash, shardOf } from './shard-hash.ts';
import { hashShardSql, shardHashSql } from './shard-hash-sql.ts';

let db: DuckDb;
let connection: DuckDbConnection;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-shard-hash-'));
  db = await DuckDb.open({
    threads: 1,
    memoryBytes: 512 * 1024 * 1024,
    tempDirectory: folder,
    readRoots: [],
    writeRoots: [],
  });
  connection = await db.connect();
  await connection.run(`SET TimeZone = 'UTC'`);
});

afterAll(async () => {
  await connection[Symbol.asyncDispose]();
  db.close();
  await rm(folder, { recursive: true });
});

/** Rows of value and hash, as DuckDB has them; `expressions` may use the column i, counting from 0. */
async function inDuckDb(type: string, expressions: readonly string[], rows: number): Promise<SqlValue[][]> {
  const hash = shardHashSql(['v'], [parseType(type)]);
  const selects = expressions.map((e) => `SELECT CAST(${e} AS ${type}) AS v FROM range(${rows}) r(i)`);
  return await connection.rows(`SELECT v, ${hash} FROM (${selects.join(' UNION ALL ')})`);
}

const random = (low: string, high: string): string =>
  `CAST(${low} AS HUGEINT) + CAST(floor(random() * 1e15) AS HUGEINT) * ((CAST(${high} AS HUGEINT) - CAST(${low} AS HUGEINT)) // 1000000000000000)`;
const edges = (...values: readonly string[]): string => `[${values.join(', ')}][1 + i % ${values.length}]`;

/** By type: expressions over i that give its values. */
const sources: readonly (readonly [string, ...string[]])[] = [
  ['BOOLEAN', 'i % 2', 'NULL'],
  ['TINYINT', 'i % 256 - 128'],
  ['UTINYINT', 'i % 256'],
  ['SMALLINT', random('-32768', '32767'), edges('-32768', '32767')],
  ['USMALLINT', 'i * 13 % 65536', edges('0', '65535')],
  ['INTEGER', 'i', '-i', edges('-2147483648', '2147483647'), '(random() * 4e9 - 2e9)'],
  ['UINTEGER', '(random() * 4.2e9)', edges('0', '4294967295', '4294967291', '4294967290', '4294967292')],
  ['BIGINT', 'i', random('-9000000000000000000', '9000000000000000000')],
  ['BIGINT', edges('-9223372036854775808', '9223372036854775807', '-4294967291', '4294967291', '-1', '0')],
  ['UBIGINT', random('0', '18000000000000000000'), edges('0', '18446744073709551615')],
  ['HUGEINT', random('-1e37', '1e37'), 'i', '-i'],
  ['HUGEINT', edges("'-170141183460469231731687303715884105728'::HUGEINT", 'NULL')],
  ['UHUGEINT', `'340282366920938463463374607431768211455'::UHUGEINT - CAST(i AS UHUGEINT)`, 'i'],
  ['DECIMAL(4,1)', '(i % 2000 - 1000) / 7'],
  ['DECIMAL(9,0)', 'i - 1000'],
  ['DECIMAL(18,4)', 'random() * 1e13 - 5e12', '-i / 10000'],
  ['DECIMAL(38,10)', `('-' || i || '1234567890123456789012.0000000001')::DECIMAL(38,10)`, 'random()'],
  ['DECIMAL(38,38)', 'random() - 0.5'],
  ['DECIMAL(3,3)', '(i % 1999 - 999) / 1000'],
  ['FLOAT', 'random() * 1e6', 'i', 'i / 8', 'exp(random() * 160 - 80)'],
  [
    'DOUBLE',
    'random()',
    'i',
    '-i / 64',
    'exp(random() * 1400 - 700)',
    'random() * 1e17',
    '2.0 ** (i % 1023)',
  ],
  [
    'DOUBLE',
    `['nan', 'inf', '-inf', '-0.0', '0', '5e-324', '1e15', '1e16', '123456789012345680'][1 + i % 9]`,
  ],
  ['VARCHAR', "'customer-' || i", 'repeat(chr(CAST(32 + i % 9000 AS INTEGER)), CAST(i % 40 AS INTEGER))'],
  ['VARCHAR', edges("''", "'é'", "'日本語'", "'👍🏽'", "'a' || chr(0) || 'b'", 'NULL')],
  ["ENUM('a', 'b''c', '')", edges("'a'", "'b''c'", "''")],
  ['JSON', `'{"a": ' || i || '}'`],
  [
    'DATE',
    "DATE '1970-01-01' + CAST(i * 977 - 900000 AS INTEGER)",
    "DATE '5877642-06-25 (BC)' + CAST(i AS INTEGER)",
  ],
  [
    'DATE',
    edges(
      "'infinity'",
      "'-infinity'",
      "'5881580-07-10'",
      "'0001-01-01'",
      "'0001-12-31 (BC)'",
      "'2024-02-29'",
    ),
  ],
  ['TIMESTAMP', `make_timestamp(CAST((random() - 0.5) * 1e18 AS BIGINT))`, 'make_timestamp(i - 500)'],
  [
    'TIMESTAMP',
    edges("'infinity'", "'-infinity'", "'294247-01-10 04:00:54.775806'", "'290309-12-22 (BC) 00:00:00'"),
  ],
  ['TIMESTAMP_S', 'make_timestamp(CAST((random() - 0.5) * 1e18 AS BIGINT))', "'infinity'"],
  ['TIMESTAMP_MS', 'make_timestamp(CAST((random() - 0.5) * 1e18 AS BIGINT))', "'-infinity'"],
  [
    'TIMESTAMP_NS',
    'make_timestamp_ns(CAST((random() - 0.5) * 1e18 AS BIGINT))',
    'make_timestamp_ns(i - 500)',
  ],
  ['TIMESTAMP WITH TIME ZONE', 'make_timestamptz(CAST((random() - 0.5) * 1e17 AS BIGINT))', "'infinity'"],
  [
    'TIME',
    "TIME '00:00:00' + to_microseconds(CAST(random() * 86399e6 AS BIGINT))",
    edges("'00:00:00'", "'24:00:00'"),
  ],
  ['UUID', 'uuid()'],
  ['BLOB', "('customer-' || i)::BLOB", `'\\x00\\xFF'::BLOB`],
];

describe('the hash in TypeScript and in DuckDB', () => {
  it.each(sources)('agree on %s', async (type, ...expressions) => {
    const rows = await inDuckDb(type, expressions, 1000);
    const parsed = parseType(type);
    const wrong = rows.filter(([value = null, hash]) => BigInt(shardHash([value], [parsed])) !== hash);
    expect(wrong.slice(0, 5)).toEqual([]);
    expect(rows.length).toBe(1000 * expressions.length);
  });

  it('agree on several columns, with NULLs, and on the shard', async () => {
    const types = [scalar('BIGINT'), scalar('VARCHAR'), scalar('DATE')];
    const rows = await connection.rows(
      `SELECT a, b, c, ${hashShardSql(['a', 'b', 'c'], types, 7)} FROM (SELECT ` +
        `CASE WHEN i % 5 = 0 THEN NULL ELSE i END a, CASE WHEN i % 3 = 0 THEN NULL ELSE 'x' || i END b, ` +
        `DATE '2020-01-01' + CAST(i AS INTEGER) c FROM range(2000) r(i))`,
    );
    for (const [a = null, b = null, c = null, shard] of rows) {
      expect(shardOf(shardHash([a, b, c], types), 7)).toBe(shard);
    }
    expect(shardHash([1, 2], [scalar('INTEGER'), scalar('INTEGER')])).not.toBe(
      shardHash([2, 1], [scalar('INTEGER'), scalar('INTEGER')]),
    );
  });

  it('agree under another time zone', async () => {
    await using other = await db.connect();
    await other.run(`SET TimeZone = 'Asia/Kolkata'`);
    const type = scalar('TIMESTAMP WITH TIME ZONE');
    const source = 'SELECT make_timestamptz(i * 86400123456789) AS v FROM range(0, 500) r(i)';
    const rows = await other.rows(`SELECT v, ${shardHashSql(['v'], [type])} FROM (${source})`);
    const wrong = rows.filter(([value = null, hash]) => BigInt(shardHash([value], [type])) !== hash);
    expect(wrong.slice(0, 3)).toEqual([]);
  });
});

describe('equal values of a class', () => {
  const hashes = (...pairs: readonly (readonly [SqlValue, string])[]): Set<number> =>
    new Set(pairs.map(([value, type]) => shardHash([value], [parseType(type)])));

  it.each<readonly (readonly [SqlValue, string])[]>([
    [
      [5, 'TINYINT'],
      [5n, 'BIGINT'],
      [5n, 'UHUGEINT'],
      ['5', 'DECIMAL(4,0)'],
      ['5.00', 'DECIMAL(10,2)'],
    ],
    [
      [-3, 'INTEGER'],
      [-3n, 'HUGEINT'],
      ['-3.0000', 'DECIMAL(20,4)'],
    ],
    [
      ['-0.5', 'DECIMAL(4,1)'],
      ['-.5000', 'DECIMAL(4,4)'],
    ],
    [
      [0, 'FLOAT'],
      [-0, 'DOUBLE'],
    ],
    [
      ['2020-01-02', 'DATE'],
      ['2020-01-02 00:00:00', 'TIMESTAMP'],
      ['2020-01-02 00:00:00', 'TIMESTAMP_NS'],
    ],
    [
      ['infinity', 'DATE'],
      ['infinity', 'TIMESTAMP'],
      ['-infinity', 'TIMESTAMP_S'],
    ],
    [
      ['a', 'VARCHAR'],
      ['a', "ENUM('b', 'a')"],
    ],
  ])('have one hash: %o %o', (...pairs) => {
    expect(hashes(...pairs).size).toBe(1);
  });

  it('keep their shard through casts that change no value', () => {
    const keeps = (from: string, to: string): boolean => keepsShard(parseType(from), parseType(to));
    expect(keeps('INTEGER', 'DECIMAL(18,2)')).toBe(true);
    expect(keeps('DECIMAL(18,2)', 'DECIMAL(20,4)')).toBe(true);
    expect(keeps('DECIMAL(18,2)', 'BIGINT')).toBe(false);
    expect(keeps('BIGINT', 'DOUBLE')).toBe(false);
    expect(keeps('FLOAT', 'DOUBLE')).toBe(true);
    expect(keeps('DOUBLE', 'FLOAT')).toBe(false);
    expect(keeps('DATE', 'TIMESTAMP')).toBe(true);
    expect(keeps('TIMESTAMP', 'DATE')).toBe(false);
    expect(keeps('INTEGER[]', 'INTEGER[]')).toBe(false);
  });
});

it.each(['INTERVAL', 'BIT', 'BIGNUM', 'TIME WITH TIME ZONE', 'INTEGER[]', 'STRUCT(a INTEGER)'])(
  'refuses %s',
  (name) => {
    const type: SqlType = parseType(name);
    expect(shardClass(type)).toBeUndefined();
    expect(() => shardHash([null], [type])).toThrow(expect.objectContaining({ sqlState: '0A000' }));
    expect(() => shardHashSql(['a'], [type])).toThrow(expect.objectContaining({ sqlState: '0A000' }));
  },
);

it.each([2, 3, 4, 7, 8, 16, 64])('deals sequential, even and spread keys evenly over %d shards', (shards) => {
  const keys: readonly ((index: number) => bigint)[] = [
    (index) => BigInt(index),
    (index) => BigInt(index) * 64n,
    (index) => BigInt(index) << 32n,
    (index) => BigInt(index) * 4096n + 1n,
    (index) => BigInt(Math.floor(index / 8) * 32 + (index % 8)),
    (index) => -BigInt(index) * 86_400_000_000n,
  ];
  const rows = 20_000;
  for (const key of keys) {
    const counts = new Array<number>(shards).fill(0);
    for (let index = 0; index < rows; index++) {
      const shard = shardOf(shardHash([key(index)], [scalar('BIGINT')]), shards);
      counts[shard] = (counts[shard] ?? 0) + 1;
    }
    const even = rows / shards;
    expect(Math.max(...counts)).toBeLessThan(even + 5 * Math.sqrt(even));
    expect(Math.min(...counts)).toBeGreaterThan(even - 5 * Math.sqrt(even));
  }
});

// Tables on disk lie where these say: a value that differs is a bug in the change, never in the number.
describe('golden values', () => {
  it.each<[SqlValue, string, number]>([
    [null, 'INTEGER', 4188718468],
    [true, 'BOOLEAN', 4083377412],
    [false, 'BOOLEAN', 2826516719],
    [0, 'INTEGER', 2826516719],
    [1, 'TINYINT', 4083377412],
    [-1, 'SMALLINT', 2872617062],
    [255, 'UTINYINT', 3018754865],
    [65535, 'USMALLINT', 1519024015],
    [4294967295, 'UINTEGER', 1641761956],
    [-9223372036854775808n, 'BIGINT', 3100149960],
    [9223372036854775807n, 'BIGINT', 2083305200],
    [18446744073709551615n, 'UBIGINT', 507856396],
    [-(2n ** 127n), 'HUGEINT', 360841790],
    [2n ** 128n - 1n, 'UHUGEINT', 285464975],
    ['5.00', 'DECIMAL(10,2)', 2062713205],
    ['-0.0001', 'DECIMAL(38,4)', 363244538],
    ['99999999999999999999999999999999999999', 'DECIMAL(38,0)', 664556369],
    [1.5, 'FLOAT', 2200427747],
    [0.1, 'DOUBLE', 2439071444],
    [-0, 'DOUBLE', 2826516719],
    [Number.NaN, 'DOUBLE', 3160638965],
    [Number.POSITIVE_INFINITY, 'DOUBLE', 2826604157],
    [5e-324, 'DOUBLE', 4083377412],
    ['', 'VARCHAR', 2562444213],
    ['skein', 'VARCHAR', 4139808911],
    ['日本語 👍🏽', 'VARCHAR', 1555674907],
    ['b', "ENUM('a', 'b')", 600239006],
    ['{}', 'JSON', 1637268362],
    ['1970-01-01', 'DATE', 2826516719],
    ['2026-11-25', 'DATE', 3348703563],
    ['0044-03-15 (BC)', 'DATE', 3918949123],
    ['infinity', 'DATE', 4188718468],
    ['5881580-07-10', 'DATE', 4041322774],
    ['2026-11-25 12:34:56.789012', 'TIMESTAMP', 3735553705],
    ['1969-12-31 23:59:59.999999', 'TIMESTAMP', 2872617062],
    ['2026-11-25 12:34:56', 'TIMESTAMP_S', 1619790918],
    ['2026-11-25 12:34:56.789', 'TIMESTAMP_MS', 4284973885],
    ['2026-11-25 12:34:56.789012345', 'TIMESTAMP_NS', 3735553705],
    ['2026-11-25 12:34:56+00', 'TIMESTAMP WITH TIME ZONE', 1619790918],
    ['2026-11-25 18:04:56+05:30', 'TIMESTAMP WITH TIME ZONE', 1619790918],
    ['23:59:59.999999', 'TIME', 447622776],
    ['01234567-89ab-cdef-0123-456789abcdef', 'UUID', 1242561606],
    [Uint8Array.of(0, 255), 'BLOB', 2879814394],
    [Uint8Array.of(), 'BLOB', 2562444213],
  ])('%s::%s', (value, type, hash) => {
    expect(shardHash([value], [parseType(type)])).toBe(hash);
  });

  it('of several columns', () => {
    const types = ['BIGINT', 'VARCHAR', 'DATE'].map(parseType);
    expect(shardHash([1n, 'a', '2020-01-01'], types)).toBe(2465162346);
    expect(shardHash([null, null, null], types)).toBe(1055304506);
    expect(shardHash([], [])).toBe(3065844750);
  });
});
