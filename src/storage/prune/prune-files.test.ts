import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DuckDb, type DuckDbConnection, printScalar } from '../../duckdb/index.ts';
import type { CompareOp, Expr } from '../../plan/index.ts';
import { formatType, parseType, quoteLiteral, type SqlType } from '../../types/index.ts';
import { shardHash } from '../sharding/shard-hash.ts';
import type { Sharding, TableFile, TableSnapshot } from '../table.ts';
import { pruneFiles } from './prune-files.ts';

const BOOLEAN = parseType('BOOLEAN');

interface TestColumn {
  readonly name: string;
  readonly type: SqlType;
  readonly partition: boolean;
  /** Texts of values that are near each other, so that bounds matter. */
  readonly values: readonly string[];
  /** Types it is cast to before it is compared, with constants of that type. */
  readonly casts: Readonly<Record<string, readonly string[]>>;
}

const long = 'x'.repeat(31);
const columns: readonly TestColumn[] = [
  {
    name: 'p',
    type: parseType('VARCHAR'),
    partition: true,
    values: ['a', 'b', '7', '2024-01-02', 'é', '\u{1F986}'],
    casts: {},
  },
  {
    name: 'q',
    type: parseType('DATE'),
    partition: true,
    values: ['2024-01-01', '2024-01-02', '1969-12-31'],
    casts: { TIMESTAMP: ['2024-01-01 00:00:00', '2024-01-01 12:00:00'] },
  },
  {
    name: 'i',
    type: parseType('INTEGER'),
    partition: false,
    values: ['-2', '-1', '0', '1', '2', '3', '40'],
    casts: {
      BIGINT: ['0', '3', '5000000000'],
      'DECIMAL(12,2)': ['0.00', '2.50'],
      DOUBLE: ['1.5', '3.0', 'nan'],
    },
  },
  {
    name: 'l',
    type: parseType('BIGINT'),
    partition: false,
    values: ['9007199254740992', '9007199254740993', '9007199254740994', '-1'],
    casts: { DOUBLE: ['9007199254740992.0', '9007199254740994.0'] },
  },
  {
    name: 'd',
    type: parseType('DECIMAL(10,2)'),
    partition: false,
    values: ['-0.01', '0.00', '0.01', '12345678.90'],
    casts: { 'DECIMAL(12,3)': ['0.010', '0.011'] },
  },
  {
    name: 's',
    type: parseType('VARCHAR'),
    partition: false,
    values: ['', 'a', 'ab', `${long}a`, `${long}ab`, `${long}\u{1F986}z`, `${long}\uFFFDz`],
    casts: {},
  },
  {
    name: 't',
    type: parseType('TIMESTAMP'),
    partition: false,
    values: [
      '2024-01-01 00:00:00.0009',
      '2024-01-01 00:00:00.001',
      '1969-12-31 23:59:59.999999',
      '2024-01-02 00:00:00',
    ],
    casts: { DATE: ['2024-01-01', '1969-12-31'] },
  },
  {
    name: 'f',
    type: parseType('DOUBLE'),
    partition: false,
    values: ['-1.5', '-0.0', '0.0', '1.5', 'nan', 'inf'],
    casts: {},
  },
  { name: 'b', type: BOOLEAN, partition: false, values: ['true', 'false'], casts: {} },
];

type Row = readonly (string | null)[];

const rowArb: fc.Arbitrary<Row> = fc.tuple(
  ...columns.map(({ values }) =>
    fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...values) }, fc.constant(null)),
  ),
);

const ops: readonly CompareOp[] = [
  '=',
  '<>',
  '<',
  '<=',
  '>',
  '>=',
  'IS DISTINCT FROM',
  'IS NOT DISTINCT FROM',
];

function literal(value: string | null, type: SqlType): Expr {
  return { kind: 'literal', value, type };
}

const termArb: fc.Arbitrary<Expr> = fc.nat(columns.length - 1).chain((index) => {
  const { type, values, casts } = columns[index] as TestColumn;
  const column: Expr = { kind: 'column', index, type };
  const value = (from: readonly string[], as: SqlType): fc.Arbitrary<Expr> =>
    fc
      .oneof({ weight: 6, arbitrary: fc.constantFrom(...from) }, fc.constant(null))
      .map((text) => literal(text, as));
  const compared = (side: Expr, from: readonly string[]): fc.Arbitrary<Expr> =>
    fc
      .tuple(fc.constantFrom(...ops), value(from, side.type), fc.boolean())
      .map(([op, constant, flipped]) => ({
        kind: 'compare',
        op,
        left: flipped ? constant : side,
        right: flipped ? side : constant,
        type: BOOLEAN,
      }));
  const terms: fc.Arbitrary<Expr>[] = [
    compared(column, values),
    compared(column, values),
    fc
      .constantFrom('isNull' as const, 'isNotNull' as const)
      .map((kind) => ({ kind, input: column, type: BOOLEAN })),
    fc
      .tuple(fc.array(value(values, type), { minLength: 1, maxLength: 3 }), fc.boolean())
      .map(([list, negated]) => ({ kind: 'in', input: column, list, negated, type: BOOLEAN })),
    ...Object.entries(casts).map(([name, from]) =>
      compared({ kind: 'cast', input: column, type: parseType(name), try: false }, from),
    ),
  ];
  if (formatType(type) === 'VARCHAR') {
    terms.push(
      fc.tuple(fc.constantFrom('prefix', '~~'), fc.constantFrom(...values)).map(([name, text]) => ({
        kind: 'call',
        name,
        args: [column, literal(name === '~~' ? `${text}%` : text, type)],
        type: BOOLEAN,
        volatile: false,
      })),
    );
    terms.push(compared({ kind: 'cast', input: column, type: parseType('DATE'), try: true }, ['2024-01-02']));
    terms.push(compared({ kind: 'cast', input: column, type: parseType('INTEGER'), try: true }, ['7', '8']));
  }
  if (type === BOOLEAN) terms.push(fc.constant(column));
  return fc.oneof(...terms);
});

const { predicate: predicateArb } = fc.letrec<{ predicate: Expr }>((tie) => ({
  predicate: fc.oneof(
    { maxDepth: 3 },
    termArb,
    fc
      .tuple(
        fc.constantFrom('and' as const, 'or' as const),
        fc.array(tie('predicate'), { minLength: 2, maxLength: 3 }),
      )
      .map(([kind, args]) => ({ kind, args, type: BOOLEAN })),
    tie('predicate').map((input): Expr => ({ kind: 'not', input, type: BOOLEAN })),
  ),
}));

let dir: string;
let duckdb: DuckDb;
let connection: DuckDbConnection;
beforeAll(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'skein-prune-'));
  duckdb = await DuckDb.open({
    threads: 1,
    memoryBytes: 128 * 1024 ** 2,
    tempDirectory: dir,
    readRoots: [],
    writeRoots: [],
  });
  connection = await duckdb.connect();
});
afterAll(async () => {
  await connection[Symbol.asyncDispose]();
  duckdb.close();
  await rm(dir, { recursive: true, force: true });
});

function sqlValue(value: string | null, type: SqlType): string {
  return value === null
    ? `CAST(NULL AS ${formatType(type)})`
    : `CAST(${quoteLiteral(value)} AS ${formatType(type)})`;
}

/** The rows as a relation of the number of their file, then the columns. */
function relation(parts: readonly (readonly Row[])[]): string {
  const values = parts.flatMap((part, file) =>
    part.map(
      (row) =>
        `(${[file, ...row.map((value, index) => sqlValue(value, (columns[index] as TestColumn).type))]})`,
    ),
  );
  return `(VALUES ${values.join(', ')}) AS t(file, ${columns.map((_, index) => `c${index}`).join(', ')})`;
}

/** Least and greatest values of each file and column as DuckDB orders them, without NaN. */
async function boundsOf(
  parts: readonly (readonly Row[])[],
): Promise<readonly (readonly (string | null)[])[]> {
  const items = columns.flatMap(({ type }, index) => {
    const filter = formatType(type) === 'DOUBLE' ? ` FILTER (NOT isnan(c${index}))` : '';
    return [`(min(c${index})${filter})::VARCHAR`, `(max(c${index})${filter})::VARCHAR`];
  });
  const rows = await connection.rows(
    `SELECT ${items.join(', ')} FROM ${relation(parts)} GROUP BY file ORDER BY file`,
  );
  return rows as (string | null)[][];
}

/** A bound as writers have it: long texts cut, with a last character that is greater; timestamps cut to milliseconds. */
function statistic(value: string, type: SqlType, isMax: boolean): string {
  switch (formatType(type)) {
    case 'VARCHAR': {
      const characters = [...value];
      if (characters.length <= 32) return JSON.stringify(value);
      return JSON.stringify(`${characters.slice(0, 32).join('')}${isMax ? '\uFFFD' : ''}`);
    }
    case 'TIMESTAMP':
      return JSON.stringify(`${value.replace(' ', 'T').slice(0, 23)}`);
    case 'DOUBLE':
      return /^[-0-9.]+$/.test(value) ? value : JSON.stringify(value);
    default:
      return /^(-?[0-9.]+|true|false)$/.test(value) ? value : JSON.stringify(value);
  }
}

function statsOf(rows: readonly Row[], bounds: readonly (string | null)[]): string {
  const min: string[] = [];
  const max: string[] = [];
  const nulls: string[] = [];
  for (const [index, { name, type, partition }] of columns.entries()) {
    if (partition) continue;
    nulls.push(`"${name}":${rows.filter((row) => row[index] === null).length}`);
    const [low = null, high = null] = bounds.slice(index * 2);
    if (low !== null) min.push(`"${name}":${statistic(low, type, false)}`);
    if (high !== null) max.push(`"${name}":${statistic(high, type, true)}`);
  }
  return `{"numRecords":${rows.length},"minValues":{${min}},"maxValues":{${max}},"nullCount":{${nulls}}}`;
}

const keyColumn = 2;

function shardOfRow(row: Row, sharding: Sharding): number {
  const key = row[keyColumn] ?? null;
  if (sharding.kind === 'hash') {
    const type = (columns[keyColumn] as TestColumn).type;
    return shardHash([key === null ? null : BigInt(key)], [type]) % sharding.shards;
  }
  if (sharding.kind !== 'range') return 0;
  const at = sharding.splits.findIndex((split) => key !== null && Number(key) < Number(split));
  return at < 0 ? sharding.splits.length : at;
}

async function tableOf(
  rows: readonly Row[],
  sharding: Sharding,
): Promise<{ table: TableSnapshot; parts: Row[][] }> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = JSON.stringify([row[0], row[1], shardOfRow(row, sharding)]);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const parts = [...groups.values()];
  const bounds = await boundsOf(parts);
  const files = parts.map(
    (part, index): TableFile => ({
      path: `/t/${index}`,
      bytes: 1,
      modifiedMs: undefined,
      rowGroups: undefined,
      delta: {
        rowCount: part.length,
        partitionValues: [part[0]?.[0] ?? null, part[0]?.[1] ?? null],
        deletionVector: undefined,
        stats: statsOf(part, bounds[index] ?? []),
        shard: shardOfRow(part[0] ?? [], sharding),
        crc32: undefined,
      },
    }),
  );
  return { table: { ...empty, files, sharding }, parts };
}

const empty: TableSnapshot = {
  name: 'main.t',
  schema: columns.map(({ name, type }) => ({ name, type })),
  format: {
    kind: 'delta',
    columns: columns.map(({ name, type, partition }, index) =>
      partition
        ? { kind: 'partition', index }
        : { kind: 'data', stored: { name, type, fieldId: undefined, children: [] } },
    ),
  },
  files: [],
  rowCount: 0,
  bytes: 0,
};

const positions = [...columns.keys()];

/** Files with a row that the predicate is true for. */
async function matching(parts: readonly Row[][], predicate: Expr): Promise<readonly number[]> {
  const sql = printScalar(predicate, (index) => `c${index}`);
  const found = await connection.rows(`SELECT DISTINCT file FROM ${relation(parts)} WHERE ${sql}`);
  return found.map(([file]) => Number(file));
}

describe('pruneFiles', () => {
  it('never leaves out a file with a row that matches', async () => {
    const shardings: readonly Sharding[] = [
      { kind: 'hash', columns: [keyColumn], shards: 3 },
      { kind: 'range', column: keyColumn, splits: ['0', '2'] },
    ];
    let pruned = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(rowArb, { minLength: 1, maxLength: 12 }),
        fc.array(predicateArb, { minLength: 1, maxLength: 2 }),
        fc.constantFrom(...shardings),
        async (rows, prune, sharding) => {
          const { table, parts } = await tableOf(rows, sharding);
          const { files, prunedBy } = pruneFiles(table, prune, positions);
          const kept = new Set(files.map((file) => Number(file.path.slice(3))));
          const lost = (await matching(parts, { kind: 'and', args: prune, type: BOOLEAN })).filter(
            (file) => !kept.has(file),
          );
          expect(lost).toEqual([]);
          const counted = prunedBy.partition + prunedBy.shard + prunedBy.statistics;
          expect(counted).toBe(table.files.length - files.length);
          pruned += counted;
        },
      ),
      { numRuns: 250 },
    );
    expect(pruned).toBeGreaterThan(100);
  }, 120_000);

  const compare = (index: number, op: CompareOp, text: string): Expr => {
    const { type } = columns[index] as TestColumn;
    return {
      kind: 'compare',
      op,
      left: { kind: 'column', index, type },
      right: literal(text, type),
      type: BOOLEAN,
    };
  };
  const row = (values: Readonly<Record<string, string>>): Row =>
    columns.map(({ name }) => values[name] ?? null);

  it.each<[string, Expr, number[], object]>([
    ['partition', compare(0, '=', 'b'), [1], { partition: 2, shard: 0, statistics: 0 }],
    ['partition NULL', compare(0, '<>', 'b'), [0], { partition: 2, shard: 0, statistics: 0 }],
    ['bounds', compare(5, '<', 'c'), [0], { partition: 0, shard: 0, statistics: 2 }],
    ['shard', compare(2, '=', '5'), [], { partition: 0, shard: 3, statistics: 0 }],
    ['date', compare(1, '>=', '2024-01-02'), [1, 2], { partition: 1, shard: 0, statistics: 0 }],
    ['bigint', compare(3, '>', '9007199254740993'), [2], { partition: 0, shard: 0, statistics: 2 }],
  ])('leaves out files by %s', async (_, term, expected, counts) => {
    const { table } = await tableOf(
      [
        row({ p: 'a', q: '2024-01-01', s: 'a', i: '0', l: '9007199254740992' }),
        row({ p: 'b', q: '2024-01-02', s: 'd', i: '1', l: '9007199254740993' }),
        row({ q: '2024-01-02', s: 'e', i: '2', l: '9007199254740994' }),
      ],
      { kind: 'hash', columns: [keyColumn], shards: 8 },
    );
    const { files, prunedBy } = pruneFiles(table, [term], positions);
    expect(files.map((file) => Number(file.path.slice(3)))).toEqual(expected);
    expect(prunedBy).toEqual(counts);
  });

  it('takes a table of 100,000 files in a moment', () => {
    const files = Array.from(
      { length: 100_000 },
      (_, index): TableFile => ({
        path: `/t/${index}`,
        bytes: 1,
        modifiedMs: undefined,
        rowGroups: undefined,
        delta: {
          rowCount: 1,
          partitionValues: [`p${index % 5000}`, null],
          deletionVector: undefined,
          stats: '{"numRecords":1,"minValues":{"i":1},"maxValues":{"i":9},"nullCount":{"i":0}}',
          shard: undefined,
          crc32: undefined,
        },
      }),
    );
    const started = performance.now();
    const { files: kept } = pruneFiles({ ...empty, files }, [compare(0, '=', 'p17')], positions);
    expect(kept).toHaveLength(20);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
