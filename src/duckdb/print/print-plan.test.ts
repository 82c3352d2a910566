import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type {
  AggregateCall,
  CompareOp,
  Expr,
  JoinKind,
  JoinNode,
  LiteralValue,
  PlanNode,
  ScanNode,
  SortKey,
} from '../../plan/index.ts';
import { type Schema, type SqlType, type SqlValue, scalar } from '../../types/index.ts';
import { DuckDb } from '../duckdb.ts';
import type { DuckDbConnection } from '../duckdb-connection.ts';
import { printSql } from './print-plan.ts';

const INTEGER = scalar('INTEGER');
const BIGINT = scalar('BIGINT');
const VARCHAR = scalar('VARCHAR');
const BOOLEAN = scalar('BOOLEAN');

const tables: Readonly<Record<string, Schema>> = {
  a: [
    { name: 'k', type: INTEGER },
    { name: 'x', type: INTEGER },
  ],
  b: [
    { name: 'k', type: INTEGER },
    { name: 'y', type: INTEGER },
  ],
};

let directory: string;
let duckdb: DuckDb;
let connection: DuckDbConnection;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-print-'));
  duckdb = await DuckDb.open({
    threads: 2,
    memoryBytes: 500e6,
    tempDirectory: join(directory, 'tmp'),
    readRoots: [],
    writeRoots: [],
  });
  connection = await duckdb.connect();
  await connection.run(`
    CREATE TABLE a AS SELECT * FROM (VALUES (1, 10), (1, 11), (2, 20), (3, 30), (NULL, 40)) t(k, x);
    CREATE TABLE b AS SELECT * FROM (VALUES (1, 100), (2, 200), (2, 201), (4, 400), (NULL, 500)) t(k, y);
    CREATE VIEW stage_7 AS SELECT k AS c0, x AS c1 FROM a`);
});

afterAll(async () => {
  await connection[Symbol.asyncDispose]();
  duckdb.close();
  await rm(directory, { recursive: true });
});

const print = (plan: PlanNode): string =>
  printSql(plan, (leaf) => (leaf.kind === 'scan' ? leaf.table : `stage_${leaf.stage}`));

async function run(plan: PlanNode): Promise<SqlValue[][]> {
  const rows = await connection.rows(print(plan));
  return rows.sort((p, q) => (JSON.stringify(p, text) < JSON.stringify(q, text) ? -1 : 1));
}
const text = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : value);

function scan(table: string): ScanNode {
  const schema = tables[table] ?? [];
  return { kind: 'scan', table, columns: [...schema.keys()], prune: [], read: 'all', schema };
}
const col = (index: number, type: SqlType = INTEGER): Expr => ({ kind: 'column', index, type });
const lit = (value: LiteralValue, type: SqlType = INTEGER): Expr => ({ kind: 'literal', value, type });
const compare = (op: CompareOp, left: Expr, right: Expr): Expr => ({
  kind: 'compare',
  op,
  left,
  right,
  type: BOOLEAN,
});
const call = (name: string, args: Expr[], type: SqlType, volatile = false): Expr => ({
  kind: 'call',
  name,
  args,
  type,
  volatile,
});
const asc = (expr: Expr): SortKey => ({ expr, descending: false, nullsFirst: false });
const filter = (input: PlanNode, predicate: Expr): PlanNode => ({
  kind: 'filter',
  input,
  predicate,
  schema: input.schema,
});
const sort = (input: PlanNode, ...keys: SortKey[]): PlanNode => ({
  kind: 'sort',
  input,
  keys,
  schema: input.schema,
});
const limit = (input: PlanNode, count: Expr, ...keys: SortKey[]): PlanNode => ({
  kind: 'limit',
  input,
  keys,
  count,
  percent: false,
  offset: undefined,
  schema: input.schema,
});
const project = (input: PlanNode, ...exprs: Expr[]): PlanNode => ({
  kind: 'project',
  input,
  exprs,
  schema: exprs.map((expr, index) => ({
    name: expr.kind === 'column' ? (input.schema[expr.index]?.name ?? '') : `e${index}`,
    type: expr.type,
  })),
});
const aggregateCall = (name: string, args: Expr[], type: SqlType): AggregateCall => ({
  name,
  args,
  distinct: false,
  filter: undefined,
  orderBy: [],
  type,
});
function aggregate(
  input: PlanNode,
  groups: Expr[],
  aggregates: AggregateCall[],
  groupingSets?: number[][],
): PlanNode {
  const schema = [...groups, ...aggregates].map((each, index) => ({ name: `g${index}`, type: each.type }));
  return { kind: 'aggregate', input, groups, groupingSets, aggregates, groupingCalls: [], schema };
}
function joined(
  joinKind: JoinKind,
  left: PlanNode,
  right: PlanNode,
  conditions: readonly (readonly [Expr, CompareOp, Expr])[],
  residual?: Expr,
): JoinNode {
  const schema =
    joinKind === 'mark'
      ? [...left.schema, { name: 'mark', type: BOOLEAN }]
      : joinKind === 'semi' || joinKind === 'anti'
        ? left.schema
        : [...left.schema, ...right.schema];
  return {
    kind: 'join',
    joinKind,
    left,
    right,
    conditions: conditions.map(([l, op, r]) => ({ left: l, op, right: r })),
    residual,
    schema,
  };
}
const countStar = aggregateCall('count_star', [], BIGINT);

describe('printSql', () => {
  it('shares one SELECT between operators, erases exchanges, and names stage inputs by position', () => {
    const input: PlanNode = { kind: 'stageInput', stage: 7, read: 'partition', schema: tables.a ?? [] };
    const exchanged: PlanNode = { kind: 'exchange', to: { kind: 'single' }, input, schema: input.schema };
    const grouped = aggregate(filter(exchanged, compare('>', col(1), lit('5'))), [col(0)], [countStar]);
    const plan = limit(
      filter(grouped, compare('>', col(1, BIGINT), lit('1', BIGINT))),
      lit('3', BIGINT),
      asc(col(0)),
    );
    expect(print(plan)).toBe(
      [
        'SELECT stage_7.c0, count(*) AS c1',
        'FROM stage_7',
        'WHERE stage_7.c1 > 5',
        'GROUP BY stage_7.c0',
        'HAVING count(*) > 1',
        'ORDER BY c0 ASC NULLS LAST',
        'LIMIT 3',
      ].join('\n'),
    );
  });

  it('nests where SQL has another order of clauses', () => {
    const plan = filter(limit(scan('a'), lit('2', BIGINT), asc(col(1))), compare('=', col(0), lit('1')));
    expect(print(plan)).toBe(
      [
        'SELECT t.k AS c0, t.x AS c1',
        'FROM (',
        '  SELECT a.k, a.x',
        '  FROM a',
        '  ORDER BY x ASC NULLS LAST',
        '  LIMIT 2',
        ') AS t',
        'WHERE t.k = 1',
      ].join('\n'),
    );
  });

  it('writes an expression once: a computed column that is used twice gets a name', async () => {
    const twice = project(scan('a'), call('random', [], scalar('DOUBLE'), true));
    const plan = project(twice, compare('=', col(0, scalar('DOUBLE')), col(0, scalar('DOUBLE'))));
    expect(await run(plan)).toEqual(Array.from({ length: 5 }, () => [true]));
    const sum = project(scan('a'), call('+', [col(1), lit('1')], INTEGER));
    expect(print(project(sum, call('*', [col(0), lit('2')], INTEGER)))).toBe(
      'SELECT (a.x + 1) * 2 AS c0\nFROM a',
    );
    expect(print(project(sum, call('*', [col(0), col(0)], INTEGER)))).toContain('SELECT a.x + 1 AS e0');
  });

  it('gives a dummy column where a plan has none, and counts its rows', async () => {
    const none = project(scan('a'));
    expect(await run(none)).toEqual(Array.from({ length: 5 }, () => [true]));
    expect(await run(aggregate(none, [], [countStar]))).toEqual([[5n]]);
    const distinct: PlanNode = {
      kind: 'distinct',
      input: project(scan('a'), col(0)),
      on: undefined,
      orderBy: [],
      schema: [{ name: 'k', type: INTEGER }],
    };
    expect(await run(aggregate(distinct, [], [countStar]))).toEqual([[4n]]);
    const rows: PlanNode = { kind: 'values', rows: [[], [], []], schema: [] };
    expect(await run(aggregate(rows, [], [countStar]))).toEqual([[3n]]);
    expect(await run(aggregate({ ...rows, rows: [] }, [], [countStar]))).toEqual([[0n]]);
  });

  it('keeps the one row of a global aggregate that nobody reads', async () => {
    const global = aggregate(scan('a'), [], [countStar]);
    expect(await run(project(global, lit('1')))).toEqual([[1]]);
    expect(await run(aggregate(project(global), [], [countStar]))).toEqual([[1n]]);
  });

  it('tells grouping sets apart, also over equal and constant keys', async () => {
    const sets = aggregate(scan('a'), [col(0), col(0), lit('7')], [countStar], [[0], [1, 2], []]);
    const rows = await run(sets);
    expect(rows).toHaveLength(9);
    expect(rows).toContainEqual([null, null, null, 5n]);
    expect(rows).toContainEqual([1, null, null, 2n]);
    expect(rows).toContainEqual([null, 1, 7, 2n]);
  });

  it('does not let a CTE hide the table that it is named after', async () => {
    const plan: PlanNode = {
      kind: 'with',
      cteId: 0,
      name: 'a',
      definition: filter(scan('a'), compare('=', col(0), lit('1'))),
      body: joined('inner', { kind: 'cteRef', cteId: 0, name: 'a', schema: tables.a ?? [] }, scan('a'), [
        [col(0), '=', col(0)],
      ]),
      schema: [...(tables.a ?? []), ...(tables.a ?? [])],
    };
    expect(await run(plan)).toHaveLength(4);
  });

  it('keeps filters of a join out of LIMIT and DISTINCT ON', async () => {
    const first: PlanNode = {
      kind: 'distinct',
      input: scan('a'),
      on: [col(0)],
      orderBy: [asc(col(0)), asc(col(1))],
      schema: tables.a ?? [],
    };
    const eleven: PlanNode = {
      kind: 'values',
      rows: [[lit('11')], [lit('12')]],
      schema: [{ name: 'v', type: INTEGER }],
    };
    const onDistinct = joined('inner', first, eleven, [[col(1), '=', col(0)]]);
    expect(print(onDistinct)).toContain('AS MATERIALIZED');
    expect(await run(onDistinct)).toEqual([]);
    const top = limit(scan('a'), lit('1', BIGINT), asc(col(1)));
    expect(await run(joined('inner', project(top, col(1)), eleven, [[col(0), '=', col(0)]]))).toEqual([]);
  });

  it('reads a LIMIT from the rows', async () => {
    const counted = project(scan('a'), col(1), lit('2', BIGINT));
    expect(await run(limit(counted, col(1, BIGINT), asc(col(0))))).toEqual([
      [10, 2n],
      [11, 2n],
    ]);
    expect(await run(limit(filter(counted, lit('false', BOOLEAN)), col(1, BIGINT)))).toEqual([]);
  });

  it('marks with three values, over any conditions', async () => {
    const marks = async (conditions: readonly (readonly [Expr, CompareOp, Expr])[], residual?: Expr) =>
      (
        await run(
          project(joined('mark', scan('a'), scan('b'), conditions, residual), col(1), col(2, BOOLEAN)),
        )
      ).map(([, mark]) => mark);
    // b.k is 1, 2, 2, 4 and NULL; a.k is 1, 1, 2, 3 and NULL.
    expect(await marks([[col(0), '=', col(0)]])).toEqual([true, true, true, null, null]);
    expect(await marks([[col(0), 'IS NOT DISTINCT FROM', col(0)]])).toEqual([true, true, true, false, true]);
    expect(await marks([[col(0), '>', col(0)]])).toEqual([null, null, true, true, null]);
    expect(await marks([])).toEqual([true, true, true, true, true]);
    // Within the same k: x < y.
    const within = [
      [col(0), 'IS NOT DISTINCT FROM', col(0)],
      [col(1), '<', col(1)],
    ] as const;
    expect(await marks(within)).toEqual([true, true, true, false, true]);
    expect(await marks([[col(0), '=', col(0)]], compare('<', col(1), col(3)))).toEqual([
      true,
      true,
      true,
      null,
      null,
    ]);
    expect(await marks([], compare('=', col(0), lit('3')))).toEqual([false, false, false, true, null]);
  });

  it('joins a single match, fails on two (21000), and is a LEFT JOIN where there cannot be two', async () => {
    const condition = [[col(0), '=', col(0)]] as const;
    const two = joined('single', scan('a'), scan('b'), condition);
    await expect(run(two)).rejects.toMatchObject({ sqlState: '21000' });
    const ones = filter(scan('b'), compare('<>', col(0), lit('2')));
    const one = joined('single', scan('a'), ones, condition);
    expect(print(one)).not.toContain('LEFT JOIN');
    const expected = [
      [1, 10, 1, 100],
      [1, 11, 1, 100],
      [2, 20, null, null],
      [3, 30, null, null],
      [null, 40, null, null],
    ];
    expect(await run(one)).toEqual(expected);
    expect(await run(project(one, col(1), col(3)))).toEqual(expected.map((row) => [row[1], row[3]]));
    const grouped = aggregate(ones, [col(0)], [aggregateCall('min', [col(1)], INTEGER)]);
    const unique = joined('single', scan('a'), grouped, condition);
    expect(print(unique)).toContain('LEFT JOIN');
    expect(await run(unique)).toEqual(expected);
    const uncorrelated = joined('single', scan('a'), limit(scan('b'), lit('1', BIGINT), asc(col(1))), []);
    expect((await run(uncorrelated)).map((row) => row[3])).toEqual([100, 100, 100, 100, 100]);
  });

  it('runs a step over what the step materialises', async () => {
    const n: Schema = [{ name: 'n', type: INTEGER }];
    const ref = (cteId: number): PlanNode => ({ kind: 'cteRef', cteId, name: 'r', schema: n });
    const next = project(
      filter(ref(1), compare('<', col(0), lit('4'))),
      call('+', [col(0), lit('1')], INTEGER),
    );
    const step: PlanNode = {
      kind: 'with',
      cteId: 2,
      name: 'q',
      definition: next,
      body: project(joined('inner', ref(2), ref(2), [[col(0), '=', col(0)]]), col(0)),
      schema: n,
    };
    const plan: PlanNode = {
      kind: 'recursiveCte',
      cteId: 1,
      name: 'r',
      anchor: { kind: 'values', rows: [[lit('1')]], schema: n },
      step,
      all: true,
      schema: n,
    };
    expect(await run(plan)).toEqual([[1], [2], [3], [4]]);
  });

  it('binds constants to their own types, on one line each', async () => {
    const struct: SqlType = {
      kind: 'struct',
      fields: [
        { name: 'a b', type: INTEGER },
        { name: 'l', type: { kind: 'list', element: VARCHAR } },
      ],
    };
    const row: SqlType = {
      kind: 'struct',
      fields: [
        { name: '', type: BIGINT },
        { name: '', type: VARCHAR },
      ],
    };
    const union: SqlType = {
      kind: 'union',
      members: [
        { name: 'n', type: INTEGER },
        { name: 's', type: VARCHAR },
      ],
    };
    const constants: readonly (readonly [LiteralValue, SqlType, SqlValue])[] = [
      ['-2147483648', INTEGER, -2147483648],
      ['7', scalar('TINYINT'), 7],
      ['7', scalar('HUGEINT'), 7n],
      ['-0.05', { kind: 'decimal', width: 3, scale: 2 }, '-0.05'],
      ['0.05', { kind: 'decimal', width: 12, scale: 2 }, '0.05'],
      ['nan', scalar('DOUBLE'), Number.NaN],
      ["it's\n\t\u0001\\ \u0000 end", VARCHAR, "it's\n\t\u0001\\ \u0000 end"],
      ['\\x00\\xFF', scalar('BLOB'), new Uint8Array([0, 255])],
      ['0044-03-15 (BC) 00:00:00+00', scalar('TIMESTAMP WITH TIME ZONE'), '0044-03-15 (BC) 00:00:00+00'],
      ["it's", { kind: 'enum', values: ["it's", 'b'] }, "it's"],
      [['1', null], { kind: 'list', element: BIGINT }, [1n, null]],
      [[], { kind: 'list', element: BIGINT }, []],
      [['1', null], { kind: 'array', element: BIGINT, length: 2 }, [1n, null]],
      [['1', ['x', null]], struct, { 'a b': 1, l: ['x', null] }],
      [['1', 'x'], row, [1n, 'x']],
      [null, row, null],
      [[['1', 'x']], { kind: 'list', element: row }, [[1n, 'x']]],
      [[['k', '1']], { kind: 'map', key: VARCHAR, value: BIGINT }, [['k', 1n]]],
      [[], { kind: 'map', key: VARCHAR, value: BIGINT }, []],
      [['s', '1'], union, { tag: 's', value: '1' }],
      [null, union, null],
    ];
    const types = constants.map(([, type], index) => ({ name: `v${index}`, type }));
    const plan: PlanNode = {
      kind: 'values',
      rows: [constants.map(([value, type]) => lit(value, type))],
      schema: types,
    };
    await connection.run("SET TimeZone = 'UTC'");
    const { schema, batches } = await connection.stream(print(plan));
    const batch = (await batches[Symbol.asyncIterator]().next()).value;
    expect(schema.map(({ type }) => type)).toEqual(types.map(({ type }) => type));
    expect(batch?.columns.map((column: readonly SqlValue[]) => column[0])).toEqual(
      constants.map(([, , value]) => value),
    );
    await connection[Symbol.asyncDispose]();
    connection = await duckdb.connect();
    const none: PlanNode = { ...plan, rows: [] };
    const empty = await connection.stream(print(none));
    expect(empty.schema.map(({ type }) => type)).toEqual(types.map(({ type }) => type));
    for await (const { rowCount } of empty.batches) expect(rowCount).toBe(0);
  });

  it('orders by constants and by columns whose names change places', async () => {
    const swapped = project(
      sort(scan('a'), asc(col(1)), asc(lit('2')), asc(lit('x', VARCHAR))),
      col(1),
      col(0),
    );
    expect(await connection.rows(print(swapped))).toEqual([
      [10, 1],
      [11, 1],
      [20, 2],
      [30, 3],
      [40, null],
    ]);
    const stage: PlanNode = { kind: 'stageInput', stage: 7, read: 'all', schema: tables.a ?? [] };
    const plan = project(
      sort(stage, { expr: col(0), descending: true, nullsFirst: true }, asc(col(1))),
      col(1),
      col(0),
    );
    expect((await connection.rows(print(plan))).map(([x]) => x)).toEqual([40, 30, 20, 10, 11]);
  });

  it('refuses a cast that SQL has no words for', () => {
    const row: SqlType = { kind: 'struct', fields: [{ name: '', type: INTEGER }] };
    const cast: Expr = { kind: 'cast', input: col(0), type: row, try: false };
    expect(() => print(project(scan('a'), cast))).toThrow(/cannot be written in SQL/);
  });
});
