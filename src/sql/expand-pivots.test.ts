import { describe, expect, it } from 'vitest';
import { SkeinError } from '../common/index.ts';
import { expandPivots, mentionsPivot } from './expand-pivots.ts';

/** Expands with the same two values everywhere, and tells what was asked. */
async function expand(sql: string, values: readonly string[] = ['a', "b's"]): Promise<[string, ...string[]]> {
  const asked: string[] = [];
  const expanded = await expandPivots(sql, async (query) => {
    asked.push(query);
    return values.map((value) => [value]);
  });
  return [expanded.sql, ...asked];
}

describe('expandPivots', () => {
  it('lists the values of a column', async () => {
    expect(await expand('PIVOT t ON s USING sum(x) GROUP BY k ORDER BY k')).toEqual([
      "PIVOT t ON s IN ('a', 'b''s') USING sum(x) GROUP BY k ORDER BY k",
      'SELECT DISTINCT CAST((s) AS VARCHAR) FROM t WHERE (s) IS NOT NULL ORDER BY 1',
    ]);
  });

  it('lists the values of expressions, and leaves lists that are there', async () => {
    const [sql] = await expand('PIVOT t ON upper(s), k IN (1, 2), (a, b) USING max(x), min(x)');
    expect(sql).toBe(
      "PIVOT t ON (CAST((upper(s)) AS VARCHAR)) IN ('a', 'b''s'), k IN (1, 2), " +
        "(CAST(((a, b)) AS VARCHAR)) IN ('a', 'b''s') USING max(x), min(x)",
    );
  });

  it('evaluates a subquery after IN', async () => {
    expect(await expand('PIVOT t ON s IN (SELECT DISTINCT s FROM u) USING sum(x)')).toEqual([
      "PIVOT t ON s IN ('a', 'b''s') USING sum(x)",
      'SELECT * FROM (SELECT DISTINCT s FROM u)',
    ]);
  });

  it('knows the ON of a join from its own', async () => {
    expect(await expand('PIVOT t JOIN u ON t.k = u.k ON s USING sum(x)')).toEqual([
      "PIVOT t JOIN u ON t.k = u.k ON s IN ('a', 'b''s') USING sum(x)",
      'SELECT DISTINCT CAST((s) AS VARCHAR) FROM t JOIN u ON t.k = u.k WHERE (s) IS NOT NULL ORDER BY 1',
    ]);
  });

  it('gives the values query the CTEs that the PIVOT sees', async () => {
    const sql =
      'WITH a AS (SELECT 1), p(x) AS MATERIALIZED (WITH b AS (FROM a) PIVOT b ON s USING count(*)), c AS (FROM p) FROM c';
    const [, asked] = await expand(sql);
    expect(asked).toBe(
      'WITH a AS (SELECT 1), b AS (FROM a) SELECT DISTINCT CAST((s) AS VARCHAR) FROM b WHERE (s) IS NOT NULL ORDER BY 1',
    );
    const [, recursive] = await expand('WITH RECURSIVE a AS (SELECT 1) PIVOT a ON s USING count(*)');
    expect(recursive).toMatch(/^WITH RECURSIVE a AS \(SELECT 1\) SELECT DISTINCT/);
  });

  it('expands the PIVOT inside a PIVOT first', async () => {
    const [sql, ...asked] = await expand('PIVOT (PIVOT t ON s USING sum(x)) ON k USING count(*)', ['v']);
    expect(sql).toBe("PIVOT (PIVOT t ON s IN ('v') USING sum(x)) ON k IN ('v') USING count(*)");
    expect(asked[1]).toContain("FROM (PIVOT t ON s IN ('v') USING sum(x)) WHERE");
  });

  it('takes the columns out again where there is no value', async () => {
    const [sql] = await expand('SELECT * FROM (PIVOT t ON s USING sum(x) GROUP BY k ORDER BY k)', []);
    expect(sql).toMatch(
      /^SELECT \* FROM \(SELECT COLUMNS\(lambda c: NOT contains\(c, '(\w+)'\)\) FROM \(PIVOT t ON s IN \('\1'\) USING sum\(x\) GROUP BY k\) ORDER BY k\)$/,
    );
  });

  it.each([
    "PIVOT t ON s IN ('x') USING sum(x)",
    'PIVOT t USING sum(x) GROUP BY k',
    "FROM t PIVOT (sum(x) FOR s IN ('x')) p JOIN u ON p.k = u.k",
    "SELECT 'PIVOT t ON s' -- PIVOT t ON s",
    'SELECT "PIVOT" FROM t JOIN u ON true',
  ])('leaves %s as it is', async (sql) => {
    expect(await expand(sql)).toEqual([sql]);
  });

  it('maps positions back, and points errors of the values query at the PIVOT', async () => {
    const sql = 'SELECT 1, * FROM (PIVOT t ON s USING nosuch(x))';
    const expanded = await expandPivots(sql, async () => [['value']]);
    expect(expanded.mapPosition(expanded.sql.indexOf('nosuch'))).toBe(sql.indexOf('nosuch'));
    const failing = expandPivots(sql, () =>
      Promise.reject(new SkeinError('42P01', 'no t', { position: 99 })),
    );
    await expect(failing).rejects.toMatchObject({ sqlState: '42P01', position: 18 });
  });
});

it('mentionsPivot looks at words only', () => {
  expect(mentionsPivot('from (pivot t on s)')).toBe(true);
  expect(mentionsPivot(`SELECT 'pivot', "pivot"`)).toBe(false);
});
