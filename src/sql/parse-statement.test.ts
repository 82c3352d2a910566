import { describe, expect, it } from 'vitest';
import { parseStatement } from './parse-statement.ts';

describe('parseStatement', () => {
  it('takes a query with its comments and semicolon off', () => {
    expect(parseStatement('-- first\n SELECT 1 /* x */ ; -- done\n;')).toEqual({
      kind: 'query',
      sql: 'SELECT 1',
      offset: 10,
    });
  });

  it.each([
    ['EXPLAIN SELECT 1', false, 'text', 'SELECT 1', 8],
    ['explain analyze from t', true, 'text', 'from t', 16],
    ['EXPLAIN (FORMAT json) SELECT 1', false, 'json', 'SELECT 1', 22],
    ["EXPLAIN (ANALYZE, FORMAT 'dot') TABLE t", true, 'dot', 'TABLE t', 32],
    ['EXPLAIN ANALYZE (FORMAT graphviz) SELECT 1', true, 'dot', 'SELECT 1', 34],
    ['EXPLAIN (SELECT 1)', false, 'text', '(SELECT 1)', 8],
  ])('%s', (sql, analyze, format, query, offset) => {
    const statement = { kind: 'query', sql: query, offset };
    expect(parseStatement(sql)).toEqual({ kind: 'explain', analyze, format, statement });
  });

  it('takes "explain" in quotes for a name', () => {
    expect(parseStatement('FROM "explain"')).toMatchObject({ kind: 'query' });
  });

  it.each([
    ['', '42601', 0],
    [' -- nothing', '42601', 0],
    ['SELECT 1; SELECT 2', '42601', 8],
    ['EXPLAIN', '42601', 7],
    ['EXPLAIN (FORMAT yaml) SELECT 1', '42601', 16],
    ['EXPLAIN (ANALYZE, BUFFERS) SELECT 1', '42601', 18],
    [`SELECT ${'('.repeat(500)}1${')'.repeat(500)}`, '54001', 407],
  ])('refuses %j', (sql, sqlState, position) => {
    expect(() => parseStatement(sql)).toThrow(expect.objectContaining({ sqlState, position }));
  });

  it('refuses text that is too long before looking at it', () => {
    expect(() => parseStatement(`SELECT '${'x'.repeat(1_000_001)}`)).toThrow(
      expect.objectContaining({ sqlState: '54000' }),
    );
  });
});
