import { describe, expect, it } from 'vitest';
import { tableNames } from './table-names.ts';
import { findTimeTravel } from './time-travel.ts';

/** What is found, in short: table, version or timestamp, alias; and the text with its pieces taken out. */
function shown(sql: string): unknown[] {
  return findTimeTravel(sql).map((use) => {
    const at = (
      bound: typeof use extends never ? never : { kind: string } & Record<string, unknown>,
    ): unknown => (bound.kind === 'version' ? bound.version : (bound.timestamp as { sql: string }).sql);
    const name = [use.table.schema, use.table.name].filter((part) => part !== undefined).join('.');
    if (use.kind === 'changes') {
      expect(sql.startsWith(use.call.sql, use.call.offset)).toBe(true);
      return [name, at(use.from), use.to === undefined ? undefined : at(use.to), use.alias?.name];
    }
    expect(sql.startsWith(use.clause.sql, use.clause.offset)).toBe(true);
    expect(sql.startsWith(use.tableSpan.sql, use.tableSpan.offset)).toBe(true);
    return [name, at(use.at), use.alias?.name];
  });
}

describe('findTimeTravel', () => {
  it.each<[string, unknown[]]>([
    ['FROM t AT (VERSION => 3)', [['t', 3, undefined]]],
    ['FROM t AT (VERSION=>3) AS a', [['t', 3, 'a']]],
    ['FROM s.t a AT (VERSION => 3) WHERE true', [['s.t', 3, 'a']]],
    [
      'SELECT * FROM "T x" AS b AT (TIMESTAMP => now() - INTERVAL 1 DAY)',
      [['T x', 'now() - INTERVAL 1 DAY', 'b']],
    ],
    ['FROM t VERSION AS OF 3', [['t', 3, undefined]]],
    [
      "FROM t VERSION AS OF '3'::BIGINT JOIN u VERSION AS OF 4 x ON true",
      [
        ['t', 3, undefined],
        ['u', 4, 'x'],
      ],
    ],
    ["FROM c.s.t TIMESTAMP AS OF '2026-01-01' AS x", [['s.t', "'2026-01-01'", 'x']]],
    [
      "FROM t TIMESTAMP AS OF now() - INTERVAL '1' DAY LEFT JOIN u ON true",
      [['t', "now() - INTERVAL '1' DAY", undefined]],
    ],
    [
      "FROM t TIMESTAMP AS OF '2026-01-01'::TIMESTAMP WITH TIME ZONE, u",
      [['t', "'2026-01-01'::TIMESTAMP WITH TIME ZONE", undefined]],
    ],
    ["FROM table_changes('s.t', 0)", [['s.t', 0, undefined, undefined]]],
    ["FROM table_changes('t', 1, 5) c", [['t', 1, 5, 'c']]],
    ["FROM table_changes(t, '2026-01-01', now())", [['t', "'2026-01-01'", 'now()', undefined]]],
    [
      'FROM (SELECT * FROM t AT (VERSION => 1)) x, u AT (VERSION => 2)',
      [
        ['t', 1, undefined],
        ['u', 2, undefined],
      ],
    ],
  ])('%s', (sql, found) => {
    expect(shown(sql)).toEqual(found);
  });

  it.each([
    "SELECT a AT TIME ZONE 'UTC' FROM t",
    'SELECT \'FROM t AT (VERSION => 3)\', "AT (VERSION => 3)" /* t VERSION AS OF 3 */ -- t AT (VERSION => 1)',
    'SELECT version AS of FROM t',
    'SELECT t.version AS of, 5 FROM t',
    'FROM t timestamp',
    'SELECT a.timestamp AS of FROM a',
    'FROM (FROM t) AT (VERSION => 3)',
    'SELECT at(version) FROM t',
    'SELECT main.table_changes(1)',
  ])('finds none in %s', (sql) => {
    expect(findTimeTravel(sql)).toEqual([]);
  });

  it.each<[string, string, number]>([
    ['FROM t AT (VERSION => x)', '42601', 22],
    ['FROM t AT (VERSION = 3)', '42601', 19],
    ['FROM t AT (VERSION => -1)', '22023', 22],
    ['FROM t AT (VERSION => 3', '42601', 10],
    ["FROM table_changes('t')", '42601', 22],
    ["FROM table_changes('', 1)", '42601', 19],
  ])('refuses %s', (sql, sqlState, position) => {
    expect(() => findTimeTravel(sql)).toThrow(expect.objectContaining({ sqlState, position }));
  });
});

it('tableNames gives every identifier, and those in the strings of table_changes', () => {
  expect([...tableNames(`SELECT "A b" FROM T1 -- u\n WHERE x = 's.v'`)].sort()).toEqual(
    ['a b', 'from', 'select', 't1', 'where', 'x'].sort(),
  );
  expect(tableNames("FROM table_changes('s.V', 1)")).toEqual(
    new Set(['from', 'table_changes', 's.v', 's', 'v']),
  );
});
