import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SkeinError } from '../../common/index.ts';
import { parseType, type Schema, type SqlValue } from '../../types/index.ts';
import type { BindRequest, BoundQuery, ShadowTables, ShadowView, VersionRequest } from './bound-query.ts';
import { ShadowCatalog } from './shadow-catalog.ts';

const schema = (columns: Readonly<Record<string, string>>): Schema =>
  Object.entries(columns).map(([name, type]) => ({ name, type: parseType(type) }));

const view = (name: string, sql: string, columns: readonly string[], more: Partial<ShadowView> = {}) =>
  [
    `${more.schema ?? 'main'}.${name}`,
    { schema: 'main', name, sql, aliases: [], columns, searchSchema: 'main', ...more },
  ] as const;

const tables: ShadowTables = {
  version: 1,
  tables: new Map([
    ['main.t', { schema: schema({ a: 'INTEGER', b: 'VARCHAR' }), rowCount: 10 }],
    ['sales.t', { schema: schema({ s: 'INTEGER' }), rowCount: 10 }],
    ['sales.orders', { schema: schema({ id: 'INTEGER' }), rowCount: 10 }],
  ]),
  schemas: ['main', 'sales', 'empty'],
  views: new Map<string, ShadowView>([
    view('v', 'SELECT a, b FROM t WHERE a > 1', ['a', 'b']),
    view('vv', 'SELECT v.a + 1 AS c FROM v -- ends here', ['c']),
    view('named', 'SELECT a, b FROM t', ['x', 'b'], { aliases: ['x'] }),
    view('first', 'SELECT * FROM t', ['a']),
    view('sold', 'SELECT * FROM t JOIN orders ON id = s', ['s', 'id'], {
      schema: 'sales',
      searchSchema: 'sales',
    }),
    view('ring', 'FROM ring2', ['a']),
    view('ring2', 'FROM ring', ['a']),
    view('stale', 'SELECT a, gone FROM t', ['a', 'gone']),
    view('lost', 'SELECT a FROM t', ['a', 'b']),
    view('orphan', 'SELECT * FROM nothing', ['a']),
    view('onStale', 'SELECT * FROM stale', ['a']),
    view('bad', "SELECT * FROM read_csv('/etc/passwd')", ['a']),
    view('old', 'SELECT * FROM t AT (VERSION => 3)', ['a', 'b']),
    view('lat', 'SELECT q FROM t', ['q']),
  ]),
  comments: [
    { schema: 'main', name: 't', column: undefined, text: "it's t" },
    { schema: 'main', name: 't', column: 'a', text: 'key' },
    { schema: 'main', name: 'v', column: undefined, text: 'a view' },
    { schema: 'main', name: 'gone', column: 'x', text: 'nothing' },
  ],
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

async function text(sql: string, request: Partial<BindRequest> = {}): Promise<string> {
  const bound = await bind(sql, request);
  expect(bound.kind, sql).toBe('plan');
  return bound.sql;
}

async function rows(
  sql: string,
  request: Partial<BindRequest> = {},
  filled = new Map(),
): Promise<SqlValue[][]> {
  const bound = await bind(sql, request);
  if (bound.kind !== 'catalog') throw new Error(`${sql} is a ${bound.kind}`);
  const { batches } = await shadow.stream(bound, new AbortController().signal, filled);
  const result: SqlValue[][] = [];
  for await (const { columns, rowCount } of batches) {
    for (let row = 0; row < rowCount; row++) result.push(columns.map((column) => column[row] ?? null));
  }
  return result;
}

describe('views', () => {
  it('are written out, with every name qualified and what the query calls them', async () => {
    expect(await text('SELECT v.a FROM v')).toBe(
      'SELECT v.a FROM (SELECT a, b FROM "main"."t" WHERE a > 1) AS "v"',
    );
    expect(await text('FROM V AS x(p), named WHERE p = named.x')).toBe(
      'FROM (SELECT a, b FROM "main"."t" WHERE a > 1) AS x(p), ' +
        '(SELECT * FROM (SELECT a, b FROM "main"."t") AS "named"("x")) AS "named" WHERE p = named.x',
    );
    expect(await text('SELECT c FROM skein.main.vv')).toContain('SELECT v.a + 1 AS c FROM (SELECT a, b FROM');
  });

  it('have the columns that they had when they were made', async () => {
    expect((await bind('FROM first')).columns).toMatchObject([{ name: 'a' }]);
    expect((await bind('FROM named')).columns).toMatchObject([{ name: 'x' }, { name: 'b' }]);
  });

  it('look names up where they were made, not where they are used', async () => {
    const bound = await bind('WITH t AS (SELECT 1 AS s), orders AS (FROM t) FROM sales.sold, orders AS o');
    expect(bound).toMatchObject({ tables: ['sales.t', 'sales.orders'], views: ['sales.sold'] });
    expect(await bind('FROM v', { schema: 'sales' })).toMatchObject({ tables: ['main.t'] });
    expect(await bind('WITH v AS (SELECT 1 AS x) SELECT x FROM v')).toMatchObject({ tables: [], views: [] });
  });

  it('stand wherever a table may', async () => {
    expect(await text('TABLE v')).toMatch(/^SELECT \* FROM \(SELECT/);
    expect((await bind('SUMMARIZE v')).columns[0]).toMatchObject({ name: 'column_name' });
    await text("FROM v TABLESAMPLE 100% WHERE a IN (SELECT c FROM vv) AND b > (SELECT 'x' FROM v LIMIT 1)");
    await text('FROM v JOIN v AS w USING (a) LEFT JOIN vv ON c = v.a');
    await text('PIVOT v ON b IN (1, 2) USING sum(a)');
    await text('SELECT v FROM v');
  });

  it.each([
    ['FROM ring', '42P17', 'main.ring -> main.ring2 -> main.ring'],
    ['FROM stale', '42703', 'view main.stale'],
    ['FROM onStale', '42703', 'view main.stale'],
    ['FROM lost', '42703', 'no column b any more'],
    ['FROM orphan', '42P01', 'view main.orphan'],
    ['FROM bad', '42501', 'view main.bad'],
    // A column of the query around is none of the view's.
    ['FROM (SELECT 1 AS q) AS o, lat', '42703', 'view main.lat'],
  ])('%s fails with %s', async (sql, sqlState, message) => {
    const error = await bind(sql).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(SkeinError);
    expect(error).toMatchObject({ sqlState, message: expect.stringContaining(message), position: undefined });
  });

  it('keep positions of the text around them', async () => {
    await expect(bind('SELECT a, nosuch FROM v')).rejects.toMatchObject({ sqlState: '42703', position: 10 });
    const sql = 'SELECT 1 FROM v AS x JOIN vv ON true WHERE nosuch > 1';
    await expect(bind(sql)).rejects.toMatchObject({ position: sql.indexOf('nosuch') });
  });

  it('are shown with tables and remarks', async () => {
    expect((await rows('SHOW TABLES')).flat()).toEqual(
      expect.arrayContaining(['t', 'v', 'vv', 'ring', 'stale']),
    );
    expect((await rows('DESCRIBE named')).map(([name]) => name)).toEqual(['x', 'b']);
    expect((await rows('DESCRIBE stale')).map(([name]) => name)).toEqual(['a', 'gone']);
    expect(
      await rows("SELECT view_definition FROM information_schema.views WHERE table_name = 'vv'"),
    ).toEqual([[expect.stringContaining('FROM main.v')]]);
    expect(
      await rows("SELECT comment FROM duckdb_tables() WHERE table_name = 't' AND schema_name = 'main'"),
    ).toEqual([["it's t"]]);
    expect(await rows("SELECT comment FROM duckdb_views() WHERE view_name = 'v'")).toEqual([['a view']]);
    expect(
      await rows(
        "SELECT schema_name FROM information_schema.schemata WHERE schema_name IN ('empty', 'sales')",
      ),
    ).toHaveLength(2);
  });
});

describe('versions', () => {
  const asked: VersionRequest[] = [];
  const tableAt = async (request: VersionRequest) => {
    asked.push(request);
    const name =
      request.kind === 'at' && 'version' in request.at
        ? `${request.table}@v${request.at.version}`
        : 'main.t@v7';
    return { name, schema: schema({ a: 'INTEGER', old: 'DATE' }), rowCount: 3 };
  };

  it('are relations of their own', async () => {
    const bound = await bind('SELECT t.old, x.b FROM t AT (VERSION => 3) JOIN main.t AS x USING (a)', {
      tableAt,
    });
    expect(bound).toMatchObject({
      kind: 'plan',
      sql: 'SELECT t.old, x.b FROM "main"."t@v3" AS "t"  JOIN main.t AS x USING (a)',
      tables: ['main.t@v3', 'main.t'],
    });
    expect(await bind('SELECT old FROM t', { tableAt }).catch((error) => error.sqlState)).toBe('42703');
    expect(await bind('FROM t')).toMatchObject({ columns: [{ name: 'a' }, { name: 'b' }] });
  });

  it('are found by an expression of constants', async () => {
    asked.length = 0;
    await bind("FROM t AT (TIMESTAMP => TIMESTAMP '2024-01-02 00:00:00') AS y WHERE y.old IS NULL", {
      tableAt,
      settings: { TimeZone: 'Europe/Berlin' },
    });
    await bind('FROM t AT (TIMESTAMP => now() - INTERVAL 1 DAY)', { tableAt });
    expect(asked[0]).toEqual({
      kind: 'at',
      table: 'main.t',
      at: { timestampMs: Date.UTC(2024, 0, 1, 23) },
    });
    expect(asked).toHaveLength(2);
  });

  it('stand in views', async () => {
    asked.length = 0;
    expect(await bind('FROM old', { tableAt }).catch((error) => error.message)).toContain('no column b');
    expect(asked).toMatchObject([{ table: 'main.t', at: { version: 3 } }]);
  });

  it.each([
    ['FROM t AT (TIMESTAMP => (SELECT max(b) FROM t))', '22023', 24],
    ['FROM t AT (TIMESTAMP => nosuch)', '42703', 24],
    ['FROM t AT (TIMESTAMP => NULL)', '22023', 24],
    ["FROM t AT (TIMESTAMP => current_setting('threads'))", '42501', 24],
    ['FROM v AT (VERSION => 1)', '42809', 5],
    ['WITH c AS (SELECT 1) FROM c AT (VERSION => 1)', '42809', 26],
    ['FROM nothing AT (VERSION => 1)', '42P01', 5],
  ])('%s fails with %s', async (sql, sqlState, position) => {
    await expect(bind(sql, { tableAt })).rejects.toMatchObject({ sqlState, position });
  });

  it('keep positions of what follows them', async () => {
    const sql = 'SELECT 1 FROM t AT (VERSION => 3) WHERE nosuch';
    await expect(bind(sql, { tableAt })).rejects.toMatchObject({ position: sql.indexOf('nosuch') });
  });
});

describe('relations of the schema system', () => {
  const systemTables = new Map([['files', schema({ path: 'VARCHAR', bytes: 'BIGINT' })]]);

  it('are filled for the query that reads them', async () => {
    const sql = 'SELECT f.path, sum(bytes) FROM system.files AS f GROUP BY ALL ORDER BY 1';
    expect(await bind(sql, { systemTables })).toMatchObject({ kind: 'catalog', system: ['files'] });
    const filled = new Map([
      ['files', Array.from({ length: 5000 }, (_, index) => [`p${index % 2}`, BigInt(index)])],
    ]);
    expect(await rows(sql, { systemTables }, filled)).toEqual([
      ['p0', 6_247_500n],
      ['p1', 6_250_000n],
    ]);
    expect(await rows(sql, { systemTables })).toEqual([]);
    expect((await rows('DESCRIBE system.files', { systemTables })).map(([name]) => name)).toEqual([
      'path',
      'bytes',
    ]);
  });

  it('cannot be read with tables of the user', async () => {
    await expect(bind('FROM system.files, t', { systemTables })).rejects.toMatchObject({ sqlState: '0A000' });
    await expect(bind('FROM system.nothing', { systemTables })).rejects.toMatchObject({ sqlState: '42P01' });
  });
});
