import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { walk } from '../../plan/index.ts';
import { parseType, type Schema, type SqlValue } from '../../types/index.ts';
import type { BindRequest, BoundQuery, ShadowTables } from './bound-query.ts';
import { ShadowCatalog } from './shadow-catalog.ts';

const schema = (columns: Readonly<Record<string, string>>): Schema =>
  Object.entries(columns).map(([name, type]) => ({ name, type: parseType(type) }));

const users = schema({ id: 'INTEGER', name: 'VARCHAR', born: 'DATE', tags: 'VARCHAR[]' });
const events = schema({ user_id: 'INTEGER', at: 'TIMESTAMP', value: 'DECIMAL(10,2)' });
const tables: ShadowTables = {
  version: 1,
  tables: new Map([
    ['main.users', { schema: users, rowCount: 100 }],
    ['main.events', { schema: events, rowCount: 10_000 }],
    ['sales.orders', { schema: schema({ 'Order No': 'BIGINT' }), rowCount: 5 }],
    ['sales.users', { schema: schema({ seller: 'VARCHAR' }), rowCount: 5 }],
  ]),
};

let shadow: ShadowCatalog;
beforeAll(async () => {
  shadow = await ShadowCatalog.create();
});
afterAll(() => shadow.close());

function bind(sql: string, request: Partial<BindRequest> = {}): Promise<BoundQuery> {
  return shadow.bind({
    sql,
    schema: 'main',
    settings: {},
    tables,
    evaluate: () => Promise.reject(new Error('no query should run')),
    signal: new AbortController().signal,
    ...request,
  });
}

async function rows(sql: string, request: Partial<BindRequest> = {}): Promise<SqlValue[][]> {
  const bound = await bind(sql, request);
  if (bound.kind !== 'catalog') throw new Error(`${sql} is a ${bound.kind}`);
  const { batches } = await shadow.stream(bound, new AbortController().signal);
  const result: SqlValue[][] = [];
  for await (const { columns, rowCount } of batches) {
    for (let row = 0; row < rowCount; row++) result.push(columns.map((column) => column[row] ?? null));
  }
  return result;
}

describe('bind', () => {
  it('gives a typed plan, the columns and the tables', async () => {
    const bound = await bind(
      'SELECT name, 1 + 1, sum(value) FROM Users JOIN events ON id = user_id GROUP BY 1',
    );
    expect(bound).toMatchObject({
      kind: 'plan',
      tables: ['main.users', 'main.events'],
      ordered: false,
      columns: [
        { name: 'name', type: parseType('VARCHAR') },
        { name: '(1 + 1)', type: parseType('INTEGER') },
        { name: 'sum("value")', type: parseType('DECIMAL(38,2)') },
      ],
    });
    const scans = bound.kind === 'plan' ? [...walk(bound.plan)].filter((node) => node.kind === 'scan') : [];
    expect(scans.map((scan) => scan.kind === 'scan' && scan.table).sort()).toEqual([
      'main.events',
      'main.users',
    ]);
  });

  it('reads the plans of all of TPC-H', async () => {
    const folder = new URL('../../../bench/tpch/queries/', import.meta.url);
    const request = { tables: tpchTables() };
    const kinds: string[] = [];
    for (const file of (await readdir(folder)).sort()) {
      const sql = await readFile(new URL(file, folder), 'utf8');
      kinds.push((await bind(sql, request)).kind);
    }
    expect(kinds).toEqual(Array.from({ length: 22 }, () => 'plan'));
  });

  it('plans recursive CTEs that do not serialise inlined', async () => {
    const sql = `WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r
      WHERE n < (SELECT max(id) FROM users) AND EXISTS (SELECT 1 FROM events WHERE user_id >= r.n)) SELECT n FROM r`;
    expect(await bind(sql)).toMatchObject({ kind: 'plan' });
  });

  it('evaluates the functions of the moment once', async () => {
    const bound = await bind('SELECT now(), current_date FROM users WHERE born < today()');
    const text = JSON.stringify(bound.kind === 'plan' && bound.plan);
    expect(text).not.toContain('"call"');
  });

  it('looks names up in the schema of the session first, then in main', async () => {
    const sql = 'SELECT * FROM users, events';
    expect(await bind(sql, { schema: 'sales' })).toMatchObject({ tables: ['sales.users', 'main.events'] });
    expect(await bind(sql)).toMatchObject({ tables: ['main.users', 'main.events'] });
    expect(await bind('SELECT "Order No" FROM sales.orders')).toMatchObject({ tables: ['sales.orders'] });
  });

  it.each([
    ['SELECT users.seller FROM users, events', 'SELECT users.seller FROM "sales"."users", events'],
    [
      'FROM "Users" u WHERE seller = \'é\' AND EXISTS (FROM orders)',
      'FROM "sales"."users" u WHERE seller = \'é\' AND EXISTS (FROM "sales"."orders")',
    ],
    ['FROM main.users, skein . sales . orders', 'FROM main.users, "sales"."orders"'],
    [
      'WITH users AS (FROM users) SELECT * FROM users',
      'WITH users AS (FROM "sales"."users") SELECT * FROM users',
    ],
    [
      'WITH RECURSIVE orders AS (SELECT "Order No" AS n FROM orders UNION ALL SELECT n + 1 FROM orders WHERE n < 3) FROM orders',
      'WITH RECURSIVE orders AS (SELECT "Order No" AS n FROM "sales"."orders" UNION ALL SELECT n + 1 FROM orders WHERE n < 3) FROM orders',
    ],
    ['PIVOT users ON seller IN (1) USING count(*)', 'PIVOT "sales"."users" ON seller IN (1) USING count(*)'],
    ['SUMMARIZE users', 'SUMMARIZE "sales"."users"'],
  ])('gives text that needs no search path: %s', async (sql, qualified) => {
    expect(await bind(sql, { schema: 'sales' })).toMatchObject({ sql: qualified });
  });

  it('divides integers as the session wants', async () => {
    const plan = async (settings: BindRequest['settings']): Promise<string> =>
      JSON.stringify(await bind('SELECT id/-2 AS "/", 7 /id FROM users', { settings }));
    expect(await plan({ integer_division: 'true' })).toContain('"name":"//"');
    expect(await plan({})).not.toContain('"name":"//"');
    await expect(
      bind('SELECT 4/2, nme FROM users', { settings: { integer_division: 'true' } }),
    ).rejects.toMatchObject({
      position: 12,
    });
  });

  it('knows a CTE from a table of the same name', async () => {
    const sql = 'WITH users AS (SELECT 1 AS one) SELECT (SELECT count(*) FROM users) FROM events';
    expect(await bind(sql)).toMatchObject({ tables: ['main.events'] });
    const outside = 'SELECT (WITH t AS (SELECT 1) SELECT * FROM t), * FROM t';
    await expect(bind(outside)).rejects.toMatchObject({ sqlState: '42P01', position: outside.length - 1 });
  });

  it('follows the catalog from version to version', async () => {
    const next: ShadowTables = {
      version: 2,
      tables: new Map([['main.fresh', { schema: events, rowCount: 1 }]]),
    };
    expect(await bind('FROM fresh', { tables: next })).toMatchObject({ kind: 'plan' });
    await expect(bind('FROM users', { tables: next })).rejects.toMatchObject({ sqlState: '42P01' });
    expect(await bind('FROM users')).toMatchObject({ kind: 'plan' });
  });

  it('applies settings to this query only', async () => {
    const sql = "SELECT TIMESTAMPTZ '2024-01-01 00:00:00'";
    const literal = async (settings: BindRequest['settings']): Promise<unknown> => {
      const bound = await bind(sql, { settings });
      return bound.kind === 'plan' && bound.plan.kind === 'project' && bound.plan.exprs[0];
    };
    expect(await literal({ timezone: 'Asia/Tokyo' })).toMatchObject({ value: '2023-12-31 15:00:00+00' });
    expect(await literal({})).toMatchObject({ value: '2024-01-01 00:00:00+00' });
  });

  it('fills parameters in and keeps their text for running whole', async () => {
    const bound = await bind('SELECT * FROM users WHERE name = ? AND id < ?', { params: ["O'Hara", 7] });
    expect(bound).toMatchObject({
      kind: 'plan',
      sql: "SELECT * FROM users WHERE name = 'O''Hara' AND id < 7",
    });
  });

  it('binds many queries at once, and drops those whose caller has gone', async () => {
    const gone = AbortSignal.abort(new Error('gone'));
    const results = await Promise.allSettled([
      bind('FROM users'),
      bind('FROM users', { signal: gone }),
      bind('FROM nowhere'),
      bind('FROM events'),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
  });
});

describe('errors', () => {
  it.each([
    ['SELECT * FROM usrs', '42P01', 14, 'did you mean users?'],
    ['SELECT * FROM sales.ordrs', '42P01', 14, 'did you mean sales.orders?'],
    ['SELECT nme FROM users', '42703', 7, 'Candidate bindings: "name"'],
    ["SELECT 'é', nme FROM users", '42703', 12, 'Candidate bindings: "name"'],
    ['SELECT cuont(*) FROM users', '42883', 7, 'did you mean count?'],
    ['SELECT * FROM rnge(3)', '42883', 14, 'did you mean range?'],
    ['SELEC 1', '42601', 0, undefined],
    ['SELECT 1 FROM users WHERE', '42601', 25, undefined],
    ['SELECT id FROM users u JOIN users v ON true', '42702', 7, undefined],
    ['CREATE TABLE x (a INTEGER)', '0A000', 0, undefined],
    ['INSERT INTO users VALUES (1)', '0A000', 0, undefined],
  ])('%s', async (sql, sqlState, position, hint) => {
    const error = await bind(sql).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ sqlState, position });
    if (hint !== undefined) expect(error).toMatchObject({ hint: expect.stringContaining(hint) });
  });

  it('points into the text of the user where parameters stood before', async () => {
    await expect(bind('SELECT ?, nme FROM users', { params: ['a long string'] })).rejects.toMatchObject({
      position: 10,
    });
  });

  it('names a setting that does not exist, and the nearest that does', async () => {
    await expect(bind('SELECT 1', { settings: { TimeZon: 'UTC' } })).rejects.toMatchObject({
      sqlState: '42704',
      hint: 'did you mean TimeZone?',
    });
    await expect(bind('SELECT 1', { settings: { threads: '8' } })).rejects.toMatchObject({
      sqlState: '42704',
    });
    await expect(bind('SELECT 1', { settings: { TimeZone: 'Nowhere' } })).rejects.toMatchObject({
      sqlState: '22023',
    });
    expect(await bind('SELECT 1')).toMatchObject({ kind: 'plan' });
  });
});

describe('the gate', () => {
  it.each([
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT content FROM READ_BLOB('/etc/passwd')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM parquet_metadata('/x.parquet')",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('users')",
    "SELECT getvariable('x')",
    "SELECT current_setting('temp_directory')",
    "SELECT nextval('s')",
    "SELECT write_log('x')",
    'SELECT sleep_ms(1000)',
    'SELECT pg_sleep(1)',
    'SELECT * FROM duckdb_settings()',
    'SELECT * FROM duckdb_secrets()',
    "SELECT * FROM enable_logging('QueryLog')",
    'SELECT * FROM duckdb_logs()',
    "SELECT * FROM json_execute_serialized_sql('{}')",
    "SELECT json_serialize_plan('SELECT 1')",
    "SELECT * FROM histogram('/x.parquet', id)",
    'SELECT id FROM users WHERE id IN (SELECT getvariable(name) FROM users)',
    "WITH t AS (SELECT * FROM read_json('x.json')) SELECT 1",
    "SELECT list_transform([1], lambda x: getvariable('y'))",
    "DESCRIBE SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM unnest((SELECT list(content) FROM read_text('/etc/passwd')))",
    "SELECT system.main.getvariable('x')",
  ])('refuses %s', async (sql) => {
    await expect(bind(sql)).rejects.toMatchObject({ sqlState: '42501' });
  });

  it.each([
    ["FROM '/etc/passwd.csv'", '42501'],
    ['FROM "x.parquet"', '42501'],
    ["FROM 's3://bucket/x'", '42501'],
    ["SELECT * FROM skein_scan('main.users')", '42883'],
    ['SELECT * FROM memory.main.users', '42P01'],
    ['SELECT * FROM duckdb_logs', '42P01'],
    ['SELECT * FROM pg_catalog.pg_settings', '42P01'],
  ])('refuses %s with %s', async (sql, sqlState) => {
    await expect(bind(sql)).rejects.toMatchObject({ sqlState });
  });

  it.each([
    "SELECT repeat('x', 5000000000)",
    "SELECT length(repeat(repeat('x', 100000), 30000))",
    'SELECT len(range(200000000))',
    'SELECT unnest(generate_series(1, 1000000000))',
    "SELECT lpad('x', 2000000000::INTEGER, 'y')",
    "SELECT list_transform(range(1000000), lambda x: repeat('x', 1000))",
    'SELECT id FROM users WHERE len(list_resize([1], 300000000)) > 0',
  ])('refuses %s before it is computed', async (sql) => {
    await expect(bind(sql)).rejects.toMatchObject({ sqlState: '54000' });
  });

  it.each([
    'SELECT count(*) FROM range(1000000000000)',
    "SELECT repeat(name, 100), lpad(name, 20, '-'), range(-5, 5), range(id) FROM users",
  ])('lets %s be', async (sql) => {
    expect(await bind(sql)).toMatchObject({ kind: 'plan' });
  });

  it('does not mistake strings and names for calls', async () => {
    expect(await bind(`SELECT 'read_csv(1)' AS "query" FROM users AS "glob"`)).toMatchObject({
      kind: 'plan',
    });
  });
});

describe('catalog queries', () => {
  it('show the tables of the user, and nothing of the shadow', async () => {
    expect(await rows('SHOW TABLES')).toEqual([['events'], ['users']]);
    expect(
      await rows('SELECT table_schema, table_name, table_type FROM information_schema.tables ORDER BY ALL'),
    ).toEqual([
      ['main', 'events', 'BASE TABLE'],
      ['main', 'users', 'BASE TABLE'],
      ['sales', 'orders', 'BASE TABLE'],
      ['sales', 'users', 'BASE TABLE'],
    ]);
    const described = await rows('DESCRIBE users');
    expect(described.map(([name, type]) => [name, type])).toEqual([
      ['id', 'INTEGER'],
      ['name', 'VARCHAR'],
      ['born', 'DATE'],
      ['tags', 'VARCHAR[]'],
    ]);
    expect((await rows('DESCRIBE users', { schema: 'sales' })).map(([name]) => name)).toEqual(['seller']);
    expect(await rows("SELECT count(*) FROM duckdb_tables() WHERE sql LIKE '%skein_scan%'")).toEqual([[0n]]);
  });

  it('describe a query without running it', async () => {
    const described = await rows('DESCRIBE SELECT sum(value) AS total FROM events');
    expect(described.map(([name, type]) => [name, type])).toEqual([['total', 'DECIMAL(38,2)']]);
  });

  it('do not mix with tables', async () => {
    await expect(bind('SELECT * FROM users, duckdb_tables()')).rejects.toMatchObject({ sqlState: '0A000' });
  });
});

function tpchTables(): ShadowTables {
  const table = (columns: string, rowCount: number): { schema: Schema; rowCount: number } => {
    const pairs = columns.split(/\s+(?=\w+:)/).map((pair) => pair.split(':') as [string, string]);
    return { schema: schema(Object.fromEntries(pairs)), rowCount };
  };
  const money = 'DECIMAL(15,2)';
  return {
    version: 100,
    tables: new Map([
      ['main.region', table('r_regionkey:INTEGER r_name:VARCHAR r_comment:VARCHAR', 5)],
      ['main.nation', table('n_nationkey:INTEGER n_name:VARCHAR n_regionkey:INTEGER n_comment:VARCHAR', 25)],
      [
        'main.supplier',
        table(
          `s_suppkey:BIGINT s_name:VARCHAR s_address:VARCHAR s_nationkey:INTEGER s_phone:VARCHAR s_acctbal:${money} s_comment:VARCHAR`,
          10_000,
        ),
      ],
      [
        'main.customer',
        table(
          `c_custkey:BIGINT c_name:VARCHAR c_address:VARCHAR c_nationkey:INTEGER c_phone:VARCHAR c_acctbal:${money} c_mktsegment:VARCHAR c_comment:VARCHAR`,
          150_000,
        ),
      ],
      [
        'main.part',
        table(
          `p_partkey:BIGINT p_name:VARCHAR p_mfgr:VARCHAR p_brand:VARCHAR p_type:VARCHAR p_size:INTEGER p_container:VARCHAR p_retailprice:${money} p_comment:VARCHAR`,
          200_000,
        ),
      ],
      [
        'main.partsupp',
        table(
          `ps_partkey:BIGINT ps_suppkey:BIGINT ps_availqty:BIGINT ps_supplycost:${money} ps_comment:VARCHAR`,
          800_000,
        ),
      ],
      [
        'main.orders',
        table(
          `o_orderkey:BIGINT o_custkey:BIGINT o_orderstatus:VARCHAR o_totalprice:${money} o_orderdate:DATE o_orderpriority:VARCHAR o_clerk:VARCHAR o_shippriority:INTEGER o_comment:VARCHAR`,
          1_500_000,
        ),
      ],
      [
        'main.lineitem',
        table(
          `l_orderkey:BIGINT l_partkey:BIGINT l_suppkey:BIGINT l_linenumber:BIGINT l_quantity:${money} l_extendedprice:${money} l_discount:${money} l_tax:${money} l_returnflag:VARCHAR l_linestatus:VARCHAR l_shipdate:DATE l_commitdate:DATE l_receiptdate:DATE l_shipinstruct:VARCHAR l_shipmode:VARCHAR l_comment:VARCHAR`,
          6_000_000,
        ),
      ],
    ]),
  };
}
