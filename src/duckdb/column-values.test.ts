import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DuckDb } from './duckdb.ts';

let directory: string;
let duckdb: DuckDb;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-values-'));
  duckdb = await DuckDb.open({
    threads: 2,
    memoryBytes: 500e6,
    tempDirectory: join(directory, 'tmp'),
    readRoots: [],
    writeRoots: [],
  });
});

afterAll(async () => {
  duckdb.close();
  await rm(directory, { recursive: true });
});

/** Every type whose value is text, with values at the edges of its range. */
const spelled: Readonly<Record<string, readonly string[]>> = {
  DATE: [
    '1970-01-01',
    '0001-01-01',
    '0044-03-15 (BC)',
    '5877642-06-25 (BC)',
    '5881580-07-10',
    '-infinity',
    'infinity',
    '2000-02-29',
    '1900-02-28',
    '1600-12-31',
    '12345-01-02',
  ],
  TIME: ['00:00:00', '24:00:00', '23:59:59.999999', '12:00:00.5', '01:02:03.000001'],
  TIME_NS: ['00:00:00', '24:00:00', '23:59:59.999999999', '12:00:00.5', '01:02:03.000000001'],
  'TIME WITH TIME ZONE': [
    '00:00:00+00',
    '24:00:00-15:59:59',
    '12:34:56.789+05:30',
    '23:59:59.999999-08',
    '00:00:00+15:59:59',
    '12:00:00-00:00:01',
    '12:00:00+01:00:01',
  ],
  TIMESTAMP: [
    '1970-01-01',
    '290309-12-22 (BC) 00:00:00',
    '294247-01-10 04:00:54.775806',
    'infinity',
    '-infinity',
    '1969-12-31 23:59:59.999999',
    '0001-01-01 (BC) 00:00:00.1',
    '2020-02-29 12:00:00.123450',
  ],
  TIMESTAMP_S: [
    '1970-01-01',
    '1969-12-31 23:59:59',
    '0044-03-15 (BC) 12:34:56',
    'infinity',
    '-infinity',
    '290308-12-22 (BC) 00:00:00',
    '294247-01-10 04:00:54',
  ],
  TIMESTAMP_MS: [
    '1970-01-01',
    '1969-12-31 23:59:59.999',
    '0044-03-15 (BC) 12:34:56.01',
    'infinity',
    '-infinity',
    '294247-01-10 04:00:54.775',
  ],
  TIMESTAMP_NS: [
    '1970-01-01',
    '1969-12-31 23:59:59.999999999',
    '1677-09-22 00:00:00',
    '2262-04-11 23:47:16.854775806',
    'infinity',
    '-infinity',
    '2020-01-01 00:00:00.000000001',
    '2020-01-01 00:00:00.000001',
  ],
  'TIMESTAMP WITH TIME ZONE': [
    '1970-01-01 00:00:00+00',
    'infinity',
    '-infinity',
    '2020-07-01 12:00:00.5+00',
    '0044-03-15 (BC) 12:34:56+00',
    '1800-01-01 00:00:00+00',
  ],
  INTERVAL: [
    '0 days',
    '1 year',
    '-1 year',
    '13 months',
    '-13 months',
    '1 day',
    '-2 days',
    '1 month -1 day 00:00:01',
    '-00:00:00.000001',
    '100:00:00',
    '2147483647 months 2147483647 days',
    '1 year 2 months 3 days 04:05:06.789',
    '-11 months 5 days -23:59:59.5',
    '9223372036854775807 microseconds',
    '12 months',
    '24 hours',
  ],
  UUID: [
    '00000000-0000-0000-0000-000000000000',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    '12345678-9abc-def0-1234-56789abcdef0',
    '80000000-0000-0000-0000-000000000001',
  ],
  BIT: ['0', '1', '10101010', '101010101', '0000000000000000001'],
  VARCHAR: [
    '',
    'x',
    'twelve bytes',
    'thirteen byte',
    'ünïcödé',
    'a\u0000b',
    '日本語のとても長い文字列です',
    '🦆',
    "it's",
  ],
  JSON: ['{"a": [1, 2.50, null]}', '"x"', 'null', '1e400'],
  "ENUM('sad', 'ok', '')": ['sad', 'ok', ''],
  'DECIMAL(4,2)': ['0.00', '-0.01', '99.99', '-99.99', '1.10'],
  'DECIMAL(9,0)': ['0', '999999999', '-999999999'],
  'DECIMAL(18,18)': ['0.000000000000000001', '-0.999999999999999999'],
  'DECIMAL(38,0)': ['99999999999999999999999999999999999999', '-99999999999999999999999999999999999999'],
  'DECIMAL(38,37)': ['9.9999999999999999999999999999999999999', '-0.0000000000000000000000000000000000001'],
  VARIANT: ['x'],
  GEOMETRY: ['POINT (1 2)', 'LINESTRING (0 0, 1 1)'],
};

const quote = (text: string): string =>
  text.includes('\u0000')
    ? text.split('\u0000').map(quote).join(' || chr(0) || ')
    : `'${text.replaceAll("'", "''")}'`;

describe('values', () => {
  for (const [type, texts] of Object.entries(spelled)) {
    it(`gives ${type} in DuckDB's own spelling`, async () => {
      await using connection = await duckdb.connect();
      await connection.run("SET TimeZone = 'America/New_York'");
      const union = [...texts.map(quote), 'NULL'].map((text) => `SELECT CAST(${text} AS ${type}) AS v`);
      const from = `FROM (${union.join(' UNION ALL ')})`;
      const rows = await connection.rows(
        `SELECT v, CAST(v AS VARCHAR), [v], [CAST(v AS VARCHAR)], {'f': v}, {'f': CAST(v AS VARCHAR)},
         MAP {1: v}, MAP {1: CAST(v AS VARCHAR)}, array_value(v, v), union_value(m := v) ${from}`,
      );
      expect(rows).toHaveLength(texts.length + 1);
      for (const [value, text, list, textList, struct, textStruct, map, textMap, array, union] of rows) {
        expect(value).toBe(text);
        expect(list).toEqual(textList);
        expect(struct).toEqual(textStruct);
        expect(map).toEqual(textMap);
        expect(array).toEqual([text, text]);
        expect(union).toEqual({ tag: 'm', value: text });
      }
    });
  }

  const numbers: readonly (readonly [string, readonly unknown[]])[] = [
    ['BOOLEAN', [true, false]],
    ['TINYINT', [-128, 127]],
    ['SMALLINT', [-32768, 32767]],
    ['INTEGER', [-2147483648, 2147483647]],
    ['BIGINT', [-(2n ** 63n), 2n ** 63n - 1n]],
    ['HUGEINT', [-(2n ** 127n), 2n ** 127n - 1n]],
    ['UTINYINT', [0, 255]],
    ['USMALLINT', [0, 65535]],
    ['UINTEGER', [0, 4294967295]],
    ['UBIGINT', [0n, 2n ** 64n - 1n]],
    ['UHUGEINT', [0n, 2n ** 128n - 1n]],
    ['BIGNUM', [-(10n ** 60n), 0n, 10n ** 60n]],
    ['FLOAT', [1.5, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]],
    ['DOUBLE', [1.1, -0, Number.NaN, Number.POSITIVE_INFINITY, 5e-324, 1.7976931348623157e308]],
  ];
  for (const [type, values] of numbers) {
    it(`gives ${type} exactly, also when NULLs and lists surround it`, async () => {
      await using connection = await duckdb.connect();
      const text = (value: unknown): string => (Object.is(value, -0) ? '-0.0' : String(value));
      const union = [...values.map((value) => `'${text(value)}'`), 'NULL'].map(
        (each) => `SELECT CAST(${each} AS ${type}) v`,
      );
      const rows = await connection.rows(`SELECT v, [v, NULL] FROM (${union.join(' UNION ALL ')})`);
      const expected = [...values, null];
      rows.forEach(([value, list], index) => {
        expect(Object.is(value, expected[index])).toBe(true);
        expect(list).toEqual([expected[index], null]);
      });
    });
  }

  it('reads NULLs in every position of a long column, flat and nested', async () => {
    await using connection = await duckdb.connect();
    const rows = await connection.rows(
      `SELECT i, CASE WHEN i % 3 <> 0 THEN i END, CASE WHEN i % 3 <> 0 THEN 'text number ' || i END,
       CASE WHEN i % 3 <> 0 THEN [i, NULL, i + 1] END, CASE WHEN i % 3 <> 0 THEN {'a': i, 'b': [i]} END,
       [[]], CAST(CASE WHEN i % 3 <> 0 THEN i / 100 END AS DECIMAL(9,2))
       FROM range(5000) t(i) ORDER BY i`,
    );
    expect(rows).toHaveLength(5000);
    rows.forEach(([i, number, text, list, struct, empty, decimal], index) => {
      const n = BigInt(index);
      expect(i).toBe(n);
      const isNull = index % 3 === 0;
      expect(number).toBe(isNull ? null : n);
      expect(text).toBe(isNull ? null : `text number ${index}`);
      expect(list).toEqual(isNull ? null : [n, null, n + 1n]);
      expect(struct).toEqual(isNull ? null : { a: n, b: [n] });
      expect(empty).toEqual([[]]);
      expect(decimal).toBe(isNull ? null : (index / 100).toFixed(2));
    });
  });

  it('gives BLOBs as their own bytes and nested values by their shape', async () => {
    await using connection = await duckdb.connect();
    const [row] = await connection.rows(
      `SELECT '\\x00\\xFF'::BLOB, 'longer than twelve bytes'::BLOB, row(1, 'x'), {'__proto__': 1}, MAP {'k': [1, NULL]},
       [[1, 2], NULL, []], union_value(num := 7)::UNION(str VARCHAR, num INTEGER), [[1, 2], [3, NULL]]::INTEGER[2][2]`,
    );
    expect(row?.[0]).toEqual(new Uint8Array([0, 255]));
    expect(row?.[1]).toEqual(new Uint8Array(Buffer.from('longer than twelve bytes')));
    expect(row?.[2]).toEqual([1, 'x']);
    expect(Object.keys(row?.[3] as object)).toEqual(['__proto__']);
    expect(row?.[4]).toEqual([['k', [1, null]]]);
    expect(row?.[5]).toEqual([[1, 2], null, []]);
    expect(row?.[6]).toEqual({ tag: 'num', value: 7 });
    expect(row?.[7]).toEqual([
      [1, 2],
      [3, null],
    ]);
  });

  it('keeps the types of columns that DuckDB spells', async () => {
    await using connection = await duckdb.connect();
    const { schema, batches } = await connection.stream(
      'SELECT now() AS t, [now()] AS l, 1 AS t; ; -- two are named t;',
    );
    expect(schema.map((column) => column.name)).toEqual(['t', 'l', 't']);
    expect(schema[0]?.type).toEqual({ kind: 'scalar', name: 'TIMESTAMP WITH TIME ZONE' });
    for await (const batch of batches) expect(batch.rowCount).toBe(1);
  });
});
