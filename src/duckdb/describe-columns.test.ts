import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CreateTableStatement, parseStatement } from '../sql/index.ts';
import { formatType, scalar } from '../types/index.ts';
import { ColumnDescriber, type ColumnsToDescribe } from './describe-columns.ts';

let describer: ColumnDescriber;
beforeAll(async () => {
  describer = await ColumnDescriber.create();
});
afterAll(() => describer[Symbol.asyncDispose]());

const { signal } = new AbortController();

function wanted(sql: string): ColumnsToDescribe {
  const { contents } = parseStatement(sql) as CreateTableStatement;
  if (contents.kind !== 'columns') throw new Error(contents.kind);
  return contents;
}

describe('ColumnDescriber', () => {
  it('reads types, defaults, generated columns and checks', async () => {
    const { columns, checks } = await describer.describe(
      wanted(`CREATE TABLE t (a INT NOT NULL DEFAULT 1 + 2, "B c" STRUCT(x DECIMAL(10,2), y TEXT[]) COMMENT 'é',
        g AS (a * 2), h BIGINT GENERATED ALWAYS AS (a + 1), i BIGINT GENERATED ALWAYS AS IDENTITY,
        e ENUM('x') DEFAULT 'x', ts TIMESTAMPTZ DEFAULT now() CHECK (ts > '2020-01-01'), CONSTRAINT n CHECK (a <> 3))`),
      signal,
    );
    expect(columns.map(({ name, type, nullable }) => [name, formatType(type), nullable])).toEqual([
      ['a', 'INTEGER', false],
      ['B c', 'STRUCT("x" DECIMAL(10,2), "y" VARCHAR[])', true],
      ['g', 'INTEGER', true],
      ['h', 'BIGINT', true],
      ['i', 'BIGINT', true],
      ['e', "ENUM('x')", true],
      ['ts', 'TIMESTAMP WITH TIME ZONE', true],
    ]);
    expect(columns.map((column) => column.default)).toEqual([
      '(1 + 2)',
      undefined,
      undefined,
      undefined,
      undefined,
      "'x'",
      'now()',
    ]);
    expect(columns[2]?.generated).toBe('CAST((a * 2) AS INTEGER)');
    expect(checks).toEqual([
      { name: undefined, expression: "(ts > '2020-01-01')" },
      { name: 'n', expression: '(a != 3)' },
    ]);
  });

  it('lets expressions use columns that are there', async () => {
    const check = wanted('CREATE TABLE t (b INT, CHECK (a > b))');
    const existing = [{ name: 'a', type: scalar('INTEGER') }];
    const { columns, checks } = await describer.describe({ ...check, existing }, signal);
    expect([columns.length, checks[0]?.expression]).toEqual([1, '(a > b)']);
  });

  it.each<[string, string, string]>([
    ['CREATE TABLE t (é INT, a FOO)', '42704', 'FOO'],
    ['CREATE TABLE t (é INT, CHECK (é + nosuch > 1))', '42703', 'nosuch'],
    ['CREATE TABLE t (a INT DEFAULT nosuch(1))', '42883', 'nosuch(1)'],
    ["CREATE TABLE t (a TEXT DEFAULT read_text('/etc/passwd'))", '42501', 'read_text'],
    ["CREATE TABLE t (a TEXT DEFAULT getenv('HOME'))", '42883', 'getenv'],
    ["CREATE TABLE t (a TEXT CHECK (current_setting('secret_directory') = ''))", '42501', 'current_setting'],
    ['CREATE TABLE t (a INT DEFAULT (SELECT 1 FROM x))', '0A000', '(SELECT'],
    ['CREATE TABLE t (a INT DEFAULT 1 +)', '42601', ')'],
    ["CREATE TABLE t (a TEXT DEFAULT repeat('x', 1000000000))", '54000', 'repeat'],
  ])('refuses %s', async (sql, sqlState, at) => {
    const error = await describer.describe(wanted(sql), signal).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ sqlState });
    expect((error as { position?: number }).position).toBe(sql.lastIndexOf(at));
  });

  it('goes on after an error, and ends when it is told to', async () => {
    await expect(describer.describe(wanted('CREATE TABLE t (a FOO)'), signal)).rejects.toThrow();
    await expect(describer.describe(wanted('CREATE TABLE t (a INT)'), AbortSignal.abort())).rejects.toThrow();
    expect((await describer.describe(wanted('CREATE TABLE t (a INT)'), signal)).columns).toHaveLength(1);
  });
});
