import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { quoteIdentifier, quoteLiteral } from '../../src/types/index.ts';

/** A folder of tables as `skein --data` takes it. */
export interface DataSet {
  readonly directory: string;
  /** How bare DuckDB reads the same files. */
  readonly tables: readonly TableSource[];
  remove(): Promise<void>;
}

export interface TableSource {
  readonly name: string;
  /** A FROM clause for bare DuckDB. */
  readonly from: string;
}

export interface ParquetTable {
  readonly name: string;
  /** SQL of each file; a table of one file without a folder where `single`. */
  readonly files: readonly string[];
  readonly single?: boolean;
}

/** `count` slices of a query with a column `i`, dealt out by ranges so that every file has its own rows. */
export function slices(count: number, rows: number, select: string): string[] {
  return Array.from({ length: count }, (_, file) => {
    const from = Math.floor((rows * file) / count);
    const to = Math.floor((rows * (file + 1)) / count);
    return `SELECT ${select} FROM range(${from}, ${to}) r(i)`;
  });
}

/** Pseudo-random, from the row's number; DuckDB's hash is fixed within the pinned version. */
const h = (salt: number, modulus: number): string => `(hash(i * 1000 + ${salt}) % ${modulus})::INTEGER`;

/** Half of the rows have customer 7; customers 121 to 150 do not exist; sums of discounts are exact. */
const sales = `i AS id,
  CASE WHEN i % 2 = 0 THEN 7 WHEN ${h(1, 20)} = 0 THEN NULL ELSE ${h(2, 150)} + 1 END AS customer_id,
  CASE WHEN ${h(3, 25)} = 0 THEN NULL ELSE ${h(4, 60)} END AS product_id,
  ['north', 'south', 'east', 'west', NULL, ''][${h(5, 6)} + 1] AS store,
  CASE WHEN ${h(6, 15)} <> 0 THEN ${h(7, 100)} - 20 END AS quantity,
  (${h(8, 100000)} / 100)::DECIMAL(12,2) AS price,
  CASE WHEN ${h(9, 10)} <> 0 THEN ${h(10, 64)} / 64.0 END::DOUBLE AS discount,
  TIMESTAMP '2023-01-01 00:00:00' + to_seconds(${h(11, 63072000)}) AS sold_at,
  DATE '2023-01-01' + ${h(12, 730)} AS day,
  CASE ${h(13, 3)} WHEN 0 THEN true WHEN 1 THEN false END AS flag,
  CASE ${h(14, 8)} WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'naïve café' WHEN 3 THEN '日本語'
    WHEN 4 THEN '🦆 duck' ELSE 'note ' || ${h(15, 500)} END AS note`;

const customers = `(i + 1)::INTEGER AS id,
  'Customer ' || lpad((i + 1)::VARCHAR, 3, '0') AS name,
  ['DE', 'FR', 'US', 'JP', NULL][${h(21, 5)} + 1] AS country,
  TIMESTAMPTZ '2020-03-01 12:00:00+00' + to_hours(${h(22, 20000)}) AS joined,
  (${h(23, 2000000)} / 100 - 5000)::DECIMAL(18,4) AS balance,
  CASE WHEN i >= 10 THEN (i // 3)::INTEGER END AS parent_id,
  CASE WHEN ${h(24, 4)} <> 0 THEN (${h(25, 50)} + 18)::TINYINT END AS age`;

const products = `i::SMALLINT AS id,
  'Product ' || i AS name,
  ['toys', 'tools', 'food', NULL][${h(31, 4)} + 1] AS category,
  CASE WHEN ${h(32, 6)} = 0 THEN NULL ELSE list_transform(range(${h(33, 4)}), lambda x: 'tag' || (x + i % 3)) END AS tags,
  CASE WHEN ${h(34, 7)} <> 0 THEN {'color': ['red', 'green', NULL][${h(35, 3)} + 1], 'size': ${h(36, 10)}} END AS attrs,
  MAP {'eur': (${h(37, 9999)} / 100)::DECIMAL(10,2), 'usd': NULL} AS prices,
  (${h(38, 5000)} / 100)::DECIMAL(9,2) AS cost`;

/** Duplicate keys, NULL keys, and keys without a partner on both sides; `b.k` is wider than `a.k`. */
const a = `CASE WHEN i % 6 = 5 THEN NULL ELSE (i % 9)::INTEGER END AS k,
  i::INTEGER AS x,
  CASE WHEN i % 7 = 0 THEN NULL ELSE 's' || (i % 4) END AS s`;
const b = `CASE WHEN i % 5 = 4 THEN NULL ELSE (i % 7 + 4)::BIGINT END AS k,
  (i * 10)::INTEGER AS y,
  CASE WHEN i % 4 = 0 THEN NULL ELSE 's' || (i % 5) END AS s`;

const types = `i::INTEGER AS id,
  CASE i % 3 WHEN 0 THEN true WHEN 1 THEN false END AS bool,
  [-128, 127, 0, NULL][i % 4 + 1]::TINYINT AS i8,
  [-32768, 32767, 0, NULL][i % 4 + 1]::SMALLINT AS i16,
  [-2147483648, 2147483647, 0, NULL][i % 4 + 1]::INTEGER AS i32,
  [-9223372036854775808, 9223372036854775807, 9007199254740993, NULL][i % 4 + 1]::BIGINT AS i64,
  [255, 0, NULL][i % 3 + 1]::UTINYINT AS u8,
  [65535, 0, NULL][i % 3 + 1]::USMALLINT AS u16,
  [4294967295, 0, NULL][i % 3 + 1]::UINTEGER AS u32,
  [18446744073709551615, 0, NULL][i % 3 + 1]::UBIGINT AS u64,
  ['170141183460469231731687303715884105727', '-170141183460469231731687303715884105728', '0', NULL][i % 4 + 1] AS i128_text,
  ['1.5', '-999.99', '0.01', NULL][i % 4 + 1]::DECIMAL(5,2) AS dec5,
  ['123456789012345.67', '-0.01', NULL][i % 3 + 1]::DECIMAL(18,2) AS dec18,
  ['1234567890123456789012345678.0123456789', '-9999999999999999999999999999.9999999999', '0.0000000001', NULL][i % 4 + 1]::DECIMAL(38,10) AS dec38,
  [1.5, -0.25, 3.4028234e38, NULL][i % 4 + 1]::FLOAT AS f32,
  [0.1, 1e300, -1e-300, NULL][i % 4 + 1]::DOUBLE AS f64,
  ['2024-02-29', '1970-01-01', '0001-01-01', '9999-12-31', NULL][i % 5 + 1]::DATE AS d,
  ['00:00:00', '23:59:59.999999', '12:34:56.5', NULL][i % 4 + 1]::TIME AS t,
  ['2024-02-29 23:59:59.999999', '1970-01-01 00:00:00', '1900-01-01 12:00:00', NULL][i % 4 + 1]::TIMESTAMP AS ts,
  ['2024-03-31 01:30:00+00', '2024-10-27 01:30:00+00', '1970-01-01 00:00:00-08', NULL][i % 4 + 1]::TIMESTAMPTZ AS tz,
  ['2024-02-29 23:59:59.123456789', '1970-01-01 00:00:00.000000001', NULL][i % 3 + 1]::TIMESTAMP_NS AS ts_ns,
  ['1 year 2 months 3 days', '-4 hours', '25 days 00:00:01.5', NULL][i % 4 + 1] AS interval_text,
  ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', NULL][i % 4 + 1]::UUID AS u,
  [''::BLOB, '\\x00\\xFF\\x7F'::BLOB, 'abc'::BLOB, NULL][i % 4 + 1] AS bin,
  ['', 'Zürich', '🦆🦆', 'it''s "quoted"', NULL][i % 5 + 1] AS s,
  ['{"a": 1, "b": [true, null]}', '[]', '"text"', 'null', NULL][i % 5 + 1]::JSON AS j,
  ['small', 'medium', 'large', NULL][i % 4 + 1] AS size_text,
  CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN []::INTEGER[] ELSE [i, NULL, i * 2]::INTEGER[] END AS l,
  CASE i % 4 WHEN 0 THEN NULL ELSE {'x': i::INTEGER, 'y': CASE WHEN i % 3 <> 0 THEN 'y' || i END} END AS st,
  CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN MAP {} ELSE MAP {'k' || i: i::INTEGER, 'z': NULL} END::MAP(VARCHAR, INTEGER) AS m,
  CASE i % 5 WHEN 0 THEN NULL ELSE [{'p': [i::INTEGER], 'q': {'r': i / 4.0}}, NULL] END::STRUCT(p INTEGER[], q STRUCT(r DOUBLE))[] AS deep`;

const floats = `i::INTEGER AS id, (i % 3)::INTEGER AS g,
  ['NaN', 'Infinity', '-Infinity', '-0.0', '0.0', '1.5', NULL][i % 7 + 1]::DOUBLE AS d,
  ['0.0', 'NaN', '-0.0', '2.25', NULL][i % 5 + 1]::FLOAT AS f`;

const words = `i::INTEGER AS id,
  ['apple', 'Apple', 'APPLE', 'äpfel', 'Äpfel', 'zebra', 'Zebra', '', ' lead', 'trail ', 'a_b', 'a%b', 'tab\there',
   'line' || chr(10) || 'two', 'back\\slash', 'quote''s', '"double"', '日本', '日本語', '🦆', 'e' || chr(769), 'é',
   repeat('long', 3000), NULL, 'null', '42', '-7.5', '2024-01-05', 'true'][i % 29 + 1] AS w,
  (i // 29)::INTEGER AS round`;

const ticks = `(i % 4)::INTEGER AS sym,
  CASE WHEN i % 17 = 3 AND i < 70 THEN NULL ELSE TIMESTAMP '2024-01-01 09:00:00' + to_seconds(i * 37 % 5000) END AS at,
  (100 + ${h(41, 400)} / 4.0)::DOUBLE AS price`;
const trades = `i::INTEGER AS id, CASE WHEN i % 11 = 0 THEN NULL ELSE (i % 5)::INTEGER END AS sym,
  CASE WHEN i % 13 = 5 THEN NULL ELSE TIMESTAMP '2024-01-01 08:59:30' + to_seconds(i * 61 % 5100) END AS at,
  (${h(42, 50)} + 1)::INTEGER AS amount`;

const parquet: readonly ParquetTable[] = [
  { name: 'sales', files: slices(4, 12_000, sales) },
  { name: 'customers', files: slices(3, 120, customers) },
  { name: 'products', files: slices(1, 50, products), single: true },
  { name: 'a', files: slices(4, 31, a) },
  { name: 'b', files: slices(3, 26, b) },
  {
    name: 'nothing',
    files: [
      "SELECT i::INTEGER AS id, i::INTEGER AS k, ''::VARCHAR AS s, 0.5::DOUBLE AS d FROM range(0) r(i)",
    ],
  },
  {
    name: 'gaps',
    files: [
      'SELECT i::INTEGER AS k, i::VARCHAR AS s FROM range(0) r(i)',
      'SELECT i::INTEGER AS k, i::VARCHAR AS s FROM range(2) r(i)',
      'SELECT i::INTEGER AS k, i::VARCHAR AS s FROM range(0) r(i)',
      'SELECT NULL::INTEGER AS k, NULL::VARCHAR AS s FROM range(1) r(i)',
    ],
  },
  { name: 'all_null', files: slices(2, 6, 'i::INTEGER AS id, NULL::INTEGER AS k, NULL::VARCHAR AS s') },
  { name: 'one', files: ["SELECT 1 AS id, 'only' AS s"], single: true },
  { name: 'types', files: slices(3, 20, types) },
  { name: 'floats', files: slices(3, 35, floats) },
  { name: 'words', files: slices(3, 58, words) },
  { name: 'ticks', files: slices(3, 90, ticks) },
  { name: 'trades', files: slices(3, 70, trades) },
  { name: 'quotes', files: slices(1, 40, trades), single: true },
  {
    name: 'edges',
    files: slices(
      2,
      40,
      'i::INTEGER AS src, (CASE WHEN i % 10 = 9 THEN i - 9 ELSE i + 1 END)::INTEGER AS dst, (i % 7 + 1)::INTEGER AS cost',
    ),
  },
  {
    name: 'Order Lines',
    files: slices(
      2,
      30,
      '(i % 8)::INTEGER AS "select", i::INTEGER AS "Line No", \'v\' || (i % 3) AS "quo""te"',
    ),
  },
];

const csvFiles: Readonly<Record<string, string>> = {
  'visits/part-0.csv':
    'id,who,page,seconds,on_day,score\n1,ann,/home,12,2024-01-01,1.5\n2,bob,/a,7,2024-01-02,\n3,,/home,,2024-01-03,2.25\n',
  'visits/part-1.csv':
    'id,who,page,seconds,on_day,score\n4,ann,"say ""hi""",30,2024-02-01,0.5\n5,cleo,"/a,b",1,2024-02-29,-1.0\n',
  'visits/part-2.csv':
    'id,who,page,seconds,on_day,score\n6,bob,/home,12,2024-03-01,1.5\n7,дима,/ü,99,2024-03-02,\n',
  'codes.csv': 'code;label\n1;one\n2;two\n3;\n4;four\n',
};

const jsonFiles: Readonly<Record<string, string>> = {
  'docs/one.json':
    '{"id":1,"kind":"x","tags":["p","q"],"meta":{"n":1,"s":"a"},"w":1.5}\n{"id":2,"kind":"y","tags":[],"meta":{"n":2,"s":null},"w":null}\n{"id":3,"kind":null,"tags":null,"meta":null,"w":2.5}\n',
  'docs/two.json':
    '{"id":4,"kind":"x","tags":["q"],"meta":{"n":4,"s":"d"},"w":0.5}\n{"id":5,"kind":"z","tags":["r","r"],"meta":{"n":5,"s":"e"},"w":-1.25}\n',
};

const regional = slices(
  1,
  120,
  `i::INTEGER AS id, (${h(51, 1000)} / 8.0)::DOUBLE AS amount, (2022 + i % 3)::INTEGER AS year,
   ['EU', 'US', 'a b'][i % 5 % 3 + 1] AS region`,
).join();

/**
 * Makes the tables of the test suite in a new temporary folder. Deterministic: the same rows on every run. NULLs,
 * empty files, duplicate keys, one hot key, every type that Parquet holds, many splits a table.
 */
export async function makeDataSet(): Promise<DataSet> {
  return inFolder(async (directory, connection) => {
    const tables = await writeParquet(parquet, directory, connection);
    await connection.run(
      `COPY (${regional}) TO ${quoteLiteral(join(directory, 'regional'))} (FORMAT parquet, PARTITION_BY (year, region))`,
    );
    for (const [path, text] of Object.entries({ ...csvFiles, ...jsonFiles })) {
      await mkdir(dirname(join(directory, path)), { recursive: true });
      await writeFile(join(directory, path), text);
    }
    const at = (name: string): string => quoteLiteral(join(directory, name));
    return [
      ...tables,
      { name: 'regional', from: `read_parquet(${at('regional/*/*/*.parquet')}, hive_partitioning = true)` },
      { name: 'visits', from: `read_csv(${at('visits/*.csv')})` },
      { name: 'codes', from: `read_csv(${at('codes.csv')})` },
      { name: 'docs', from: `read_json(${at('docs/*.json')})` },
    ];
  });
}

/** Makes these tables, and only these, in a new temporary folder. */
export function makeParquetTables(tables: readonly ParquetTable[]): Promise<DataSet> {
  return inFolder((directory, connection) => writeParquet(tables, directory, connection));
}

async function inFolder(
  fill: (directory: string, connection: DuckDBConnection) => Promise<readonly TableSource[]>,
): Promise<DataSet> {
  const directory = await mkdtemp(join(tmpdir(), 'skein-test-data-'));
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  try {
    const connection = await instance.connect();
    await connection.run("SET TimeZone = 'UTC'");
    const tables = await fill(directory, connection);
    return { directory, tables, remove: () => rm(directory, { recursive: true, force: true }) };
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  } finally {
    instance.closeSync();
  }
}

async function writeParquet(
  tables: readonly ParquetTable[],
  directory: string,
  connection: DuckDBConnection,
): Promise<TableSource[]> {
  const sources: TableSource[] = [];
  for (const { name, files, single } of tables) {
    if (!single) await mkdir(join(directory, name));
    for (const [index, query] of files.entries()) {
      const path = join(directory, single ? `${name}.parquet` : `${name}/part-${index}.parquet`);
      await connection.run(`COPY (${query}) TO ${quoteLiteral(path)} (FORMAT parquet, ROW_GROUP_SIZE 2048)`);
    }
    const pattern = quoteLiteral(join(directory, single ? `${name}.parquet` : `${name}/*.parquet`));
    sources.push({ name, from: `read_parquet(${pattern})` });
  }
  return sources;
}

/** Every file of a folder of Parquet files is a table of its name. */
export function parquetFolder(directory: string, names: readonly string[]): TableSource[] {
  return names.map((name) => ({
    name,
    from: `read_parquet(${quoteLiteral(join(directory, `${name}.parquet`))})`,
  }));
}

/** DDL that makes the tables views of a bare DuckDB; shuffled, copies of them in an order that no file has. */
export function viewStatements(tables: readonly TableSource[], shuffled = false): string[] {
  return tables.map(({ name, from }) => {
    const table = `${quoteIdentifier(name)} AS SELECT * FROM ${from} t`;
    // Shuffled by a view, DuckDB sorts in every round of a recursive CTE, and now and then loses rows of a round.
    return shuffled ? `CREATE TABLE ${table} ORDER BY hash(t)` : `CREATE VIEW ${table}`;
  });
}
