import { expect, it } from 'vitest';
import { parseBound } from './parse-bound.ts';

it('puts each value where its parameter stands, and maps positions back', () => {
  const sql = 'UPDATE t SET a = ?, b = c + ? WHERE d = ?';
  const { statement, mapPosition } = parseBound(sql, ['long text', -5, 7n]);
  if (statement.kind !== 'update') throw new Error(statement.kind);
  const spans = statement.assignments.map(({ value }) =>
    value.kind === 'expression' ? value.expression : undefined,
  );
  expect(spans.map((span) => span?.sql)).toEqual(["'long text'", 'c + (-5)']);
  expect(statement.where?.sql).toBe("d = '7'::BIGINT");
  expect(mapPosition(statement.where?.offset ?? 0)).toBe(sql.indexOf('d = ?'));
  expect(mapPosition((spans[1]?.offset ?? 0) + 4)).toBe(sql.indexOf('?', 20));
});

it.each<[string, readonly (number | bigint | string)[], object]>([
  ['RESTORE t TO VERSION AS OF ?', [3], { to: { version: 3 } }],
  ['RESTORE t TO VERSION AS OF ?', [3n], { to: { version: 3 } }],
  ['DESCRIBE HISTORY t LIMIT $1', [2], { limit: 2 }],
  ['COPY t FROM ? (DELIM ?)', ['/x', ';'], { path: { text: '/x' }, options: [{ value: { text: ';' } }] }],
  [
    'CREATE TABLE t (a INT) WITH (a = ?, b = ?)',
    [-1, 1.5],
    { properties: [{ value: { text: '-1' } }, { value: { text: '1.5' } }] },
  ],
  ['INSERT INTO t VALUES (?, ?)', [1, 'x'], { source: { query: { sql: "VALUES (1, 'x')" } } }],
])('%s takes %o', (sql, params, expected) => {
  expect(parseBound(sql, params).statement).toMatchObject(expected);
});

it('points errors at the text of the user', () => {
  expect(() => parseBound('RESTORE t TO VERSION AS OF ? x', [12345])).toThrow(
    expect.objectContaining({ sqlState: '42601', position: 29 }),
  );
  expect(() => parseBound('UPDATE t SET a = ?', [])).toThrow(
    expect.objectContaining({ sqlState: '08P01', position: 17 }),
  );
});

it('takes values that are longer than a statement may be', () => {
  const value = 'x'.repeat(3_000_000);
  const { statement } = parseBound('INSERT INTO t VALUES (?)', [value]);
  expect(statement.kind).toBe('insert');
});
