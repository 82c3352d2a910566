import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DuckDb, type DuckDbConnection } from '../duckdb/index.ts';
import { parseType } from './parse-type.ts';
import { type Schema, scalar } from './sql-type.ts';
import { fromWireSql, toWireSql } from './wire-sql.ts';
import { exchangeParquetOptions, wireType } from './wire-type.ts';

let directory: string;
let duckdb: DuckDb;
let connection: DuckDbConnection;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-wire-'));
  duckdb = await DuckDb.open({
    threads: 1,
    memoryBytes: 500e6,
    tempDirectory: join(directory, 'tmp'),
    readRoots: [],
    writeRoots: [directory],
  });
  connection = await duckdb.connect();
  await connection.run("SET TimeZone = 'America/New_York'");
});

afterAll(async () => {
  await connection[Symbol.asyncDispose]();
  duckdb.close();
  await rm(directory, { recursive: true });
});

/**
 * Writes the rows as an exchange does, reads them back, and holds every column to what it was. (DuckDB itself makes
 * INTEGER of the type of a bare NULL as soon as a table or a view has it.)
 */
async function roundTrip(select: string): Promise<Schema> {
  const file = join(directory, 'exchange.parquet');
  const { schema, batches } = await connection.stream(`SELECT * EXCLUDE (i) FROM (${select}) LIMIT 0`);
  for await (const _ of batches);
  const to = schema.map(({ name, type }) => `${toWireSql(`"${name}"`, type)} AS "${name}"`);
  const from = schema.map(({ name, type }) => `${fromWireSql(`"${name}"`, type)} AS "${name}"`);
  await connection.run(
    `COPY (SELECT i, ${to.join(', ')} FROM (${select})) TO '${file}' (${exchangeParquetOptions(schema.map(({ type }) => type))})`,
  );
  await connection.run(
    `CREATE OR REPLACE TEMP VIEW copied AS SELECT i, ${from.join(', ')} FROM read_parquet('${file}')`,
  );
  const shown = schema.map(
    ({ name }) =>
      `replace(typeof("${name}"), '"NULL"', 'INTEGER'), CAST("${name}" AS VARCHAR), "${name}" IS NULL, hash("${name}")`,
  );
  const copied = await connection.stream(`SELECT * EXCLUDE (i) FROM copied LIMIT 0`);
  for await (const _ of copied.batches);
  expect(copied.schema).toEqual(schema);
  const rows = (table: string) => connection.rows(`SELECT i, ${shown.join(', ')} FROM ${table} ORDER BY i`);
  expect(await rows('copied')).toEqual(await rows(`(${select})`));
  return schema;
}

const values: Readonly<Record<string, readonly string[]>> = {
  BOOLEAN: ['true', 'false'],
  TINYINT: ['-128', '127'],
  SMALLINT: ['-32768', '32767'],
  INTEGER: ['-2147483648', '2147483647'],
  BIGINT: ['-9223372036854775808', '9223372036854775807'],
  HUGEINT: ['-170141183460469231731687303715884105728', '170141183460469231731687303715884105727', '0'],
  UTINYINT: ['0', '255'],
  USMALLINT: ['0', '65535'],
  UINTEGER: ['0', '4294967295'],
  UBIGINT: ['0', '18446744073709551615'],
  UHUGEINT: ['0', '340282366920938463463374607431768211455'],
  BIGNUM: ['-123456789012345678901234567890123456789012345678901234567890', '0'],
  FLOAT: ['-0.0', 'nan', 'inf', '-inf', '1.1', '3.4028235e38', '1e-45'],
  DOUBLE: ['-0.0', 'nan', 'inf', '-inf', '1.1', '1.7976931348623157e308', '5e-324'],
  'DECIMAL(4,2)': ['99.99', '-99.99'],
  'DECIMAL(9,3)': ['999999.999', '-0.001'],
  'DECIMAL(18,18)': ['0.999999999999999999', '-0.000000000000000001'],
  'DECIMAL(38,0)': ['99999999999999999999999999999999999999', '-99999999999999999999999999999999999999'],
  'DECIMAL(38,38)': ['0.99999999999999999999999999999999999999'],
  DATE: ['1970-01-01', '0044-03-15 (BC)', '5877642-06-25 (BC)', '5881580-07-10', '-infinity', 'infinity'],
  TIME: ['00:00:00', '24:00:00', '23:59:59.999999'],
  TIME_NS: ['00:00:00', '24:00:00', '23:59:59.999999999'],
  'TIME WITH TIME ZONE': [
    '00:00:00+00',
    '24:00:00-15:59:59',
    '12:34:56.789+05:30',
    '00:00:00+15:59:59',
    '12:00:00-00:00:01',
    '12:00:00+00:00:59',
    '12:00:00-03:00:07',
  ],
  TIMESTAMP: [
    '1970-01-01',
    '290309-12-22 (BC) 00:00:00',
    '294247-01-10 04:00:54.775806',
    'infinity',
    '-infinity',
  ],
  TIMESTAMP_S: [
    '1970-01-01',
    '1969-12-31 23:59:59',
    'infinity',
    '-infinity',
    '290308-12-22 (BC) 00:00:00',
    '294247-01-10 04:00:54',
  ],
  TIMESTAMP_MS: [
    '1969-12-31 23:59:59.999',
    '0044-03-15 (BC) 12:34:56.01',
    'infinity',
    '-infinity',
    '294247-01-10 04:00:54.775',
  ],
  TIMESTAMP_NS: [
    '1677-09-22 00:00:00',
    '2262-04-11 23:47:16.854775806',
    'infinity',
    '-infinity',
    '2020-01-01 00:00:00.000000001',
  ],
  'TIMESTAMP WITH TIME ZONE': [
    '1970-01-01 00:00:00+00',
    'infinity',
    '-infinity',
    '290309-12-22 (BC) 00:00:00+00',
  ],
  INTERVAL: [
    '0 days',
    '-13 months',
    '1 month -1 day 00:00:01',
    '-00:00:00.000001',
    '2147483647 months 2147483647 days',
    '-2147483648 months -2147483648 days',
    '9223372036854775807 microseconds',
    '-9223372036854775807 microseconds',
    '30 days',
    '1 month',
  ],
  UUID: ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
  BLOB: ['', '\\x00\\xFF', 'x'],
  BIT: ['0', '1', '10101010', '101010101'],
  VARCHAR: ['', 'a', '🦆', 'a long string of more than twelve'],
  JSON: ['{"a": [1, 2.50, null]}', '"x"', 'null'],
  "ENUM('sad', 'it''s', '')": ['sad', "it's", ''],
  GEOMETRY: ['POINT (0.1 2)', 'LINESTRING Z (0 0 1, 1e300 -1 2)', 'POINT EMPTY'],
};

describe('the wire type', () => {
  for (const [type, texts] of Object.entries(values)) {
    it(`brings ${type} through Parquet unchanged, alone and nested`, async () => {
      const quoted = [...texts.map((text) => `'${text.replaceAll("'", "''")}'`), 'NULL'];
      const union = quoted
        .map((text, i) => `SELECT ${i} AS i, CAST(${text} AS ${type}) AS v`)
        .join(' UNION ALL ');
      await roundTrip(
        `SELECT i, v, [v, NULL] AS l, [[v], NULL, []] AS ll, {'a b': v, 'c"d': i} AS s, MAP {i: v} AS m,
         array_value(v, NULL) AS a, union_value(num := v) AS u, [union_value(u := v), NULL] AS lu,
         {'deep': MAP {'k': array_value({'u': union_value(w := v)})}} AS d FROM (${union})`,
      );
      await roundTrip(`SELECT i, MAP {v: [v]} AS m FROM (${union}) WHERE v IS NOT NULL`);
    });
  }

  it('keeps NULLs, empty values, tags and lengths apart', async () => {
    const schema = await roundTrip(
      `SELECT i, [] AS empty, [[]] AS nested, [NULL] AS nulls, NULL AS "null",
       CASE WHEN i > 1 THEN [] END AS list, CASE WHEN i > 1 THEN {'a': CASE WHEN i > 2 THEN {'b': CASE WHEN i > 3 THEN 1 END} END} END AS struct,
       CASE WHEN i > 1 THEN MAP {}::MAP(INTEGER, HUGEINT) END AS map,
       CASE i WHEN 1 THEN union_value(a := 1)::UNION(a INTEGER, b VARCHAR, tag INTERVAL) WHEN 2 THEN union_value(b := '1')::UNION(a INTEGER, b VARCHAR, tag INTERVAL)
         WHEN 3 THEN union_value(a := NULL::INTEGER)::UNION(a INTEGER, b VARCHAR, tag INTERVAL) WHEN 4 THEN union_value(tag := INTERVAL 1 DAY)::UNION(a INTEGER, b VARCHAR, tag INTERVAL) END AS "union",
       [[1, i], NULL]::HUGEINT[2][2] AS "array", NULL::HUGEINT[2] AS no_array, CASE WHEN i > 1 THEN row(i, 'x', NULL) END AS "row", [row(1), NULL] AS rows, row(i::HUGEINT, row('x', INTERVAL 1 DAY), [row(i, NULL)]) AS deep_row, MAP {row(i, 'k'): row(1, i::HUGEINT)} AS row_map,
       {'key': 1, 'value': 2, 'element': 3, 'a.b': 4} AS names
       FROM range(6) r(i)`,
    );
    expect(schema).toHaveLength(15);
  });

  it('writes constant lists and maps of strings, which version 2 of the format cannot', async () => {
    await roundTrip(
      `SELECT i, ['a', 'b'] AS l, [['a', 'bb'], ['c']] AS ll, MAP {'a': 'b', 'cc': 'dd'} AS m, {'l': ['a', 'b']} AS s,
       [{'a': 'x'}, {'a': 'y'}] AS ls, ['1', '2']::JSON[] AS j, ['a'::BLOB, 'b'::BLOB] AS b, [1::HUGEINT, 2] AS h,
       ['p', 'q']::ENUM('p', 'q')[] AS e FROM range(3000) r(i)`,
    );
    const options = (...types: Schema[number]['type'][]): string => exchangeParquetOptions(types);
    expect(options(scalar('VARCHAR'), { kind: 'list', element: scalar('BIGINT') })).toContain('v2');
    expect(options({ kind: 'list', element: scalar('HUGEINT') })).toContain('v1');
  });

  it('finds in Parquet what it finds in memory: statistics and filters leave no value out', async () => {
    const file = join(directory, 'pruned.parquet');
    for (const type of [
      'DOUBLE',
      'FLOAT',
      'BLOB',
      'VARCHAR',
      'TIMESTAMP',
      'DATE',
      'UUID',
      'DECIMAL(38,0)',
      'UBIGINT',
      'TIME',
    ]) {
      const all = [...(values[type] ?? []), ...(type === 'DOUBLE' || type === 'FLOAT' ? ['0.0'] : [])];
      const literals = all.map((text) => `CAST('${text}' AS ${type})`);
      const predicates = literals.flatMap((literal) =>
        ['=', '<>', '<', '<=', '>', '>=', 'IS DISTINCT FROM'].map((op) => `v ${op} ${literal}`),
      );
      for (const set of [
        literals,
        ...literals.map((literal) => [literal]),
        ...literals.map((literal) => [literal, 'NULL']),
      ]) {
        await connection.run(
          `CREATE OR REPLACE TEMP TABLE original AS SELECT CAST(unnest([${set.join(', ')}]) AS ${type}) AS v`,
        );
        await connection.run(`COPY original TO '${file}' (${exchangeParquetOptions([parseType(type)])})`);
        const [expected] = await connection.rows(
          `SELECT ${predicates.map((p) => `count(*) FILTER (${p})`).join(', ')} FROM original`,
        );
        const counts = predicates.map((p) => `(SELECT count(*) FROM '${file}' WHERE ${p})`);
        const [found] = await connection.rows(`SELECT ${counts.join(', ')}`);
        expect(found, `${type} ${set.join(', ')}`).toEqual(expected);
      }
    }
  });

  it('is the type itself where Parquet keeps it, and unsupported where nothing does', () => {
    for (const name of ['DOUBLE', 'VARCHAR', 'JSON', 'UUID', 'TIMESTAMP_NS'] as const)
      expect(wireType(scalar(name))).toEqual(scalar(name));
    const variant = scalar('VARIANT');
    expect(wireType(variant)).toBe('unsupported');
    expect(wireType({ kind: 'list', element: variant })).toBe('unsupported');
    const row = { kind: 'struct', fields: [{ name: '', type: scalar('INTEGER') }] } as const;
    expect(wireType(row)).toEqual({ kind: 'struct', fields: [{ name: 'f0', type: scalar('INTEGER') }] });
    expect(wireType({ kind: 'array', element: row, length: 2 })).toBe('unsupported');
    expect(wireType({ kind: 'union', members: [{ name: 'm', type: row }] })).toBe('unsupported');
  });
});
