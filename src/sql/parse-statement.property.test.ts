import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SkeinError } from '../common/index.ts';
import { parseStatement } from './parse-statement.ts';
import { findTimeTravel } from './time-travel.ts';

const pieces =
  `CREATE OR REPLACE EXTERNAL TABLE VIEW SCHEMA IF NOT EXISTS t a.b "q" ( ) ( ) [ ] { } , , ; AS SELECT FROM
  WHERE WITH RECURSIVE INSERT INTO OVERWRITE VALUES DEFAULT RETURNING UPDATE SET = =- => ? $1 DELETE USING MERGE ON
  WHEN MATCHED THEN BY SOURCE TARGET AND DO NOTHING COPY TO 'x' E'\\x41' $$y$$ x'00' 1 1.5 -1 * PARTITIONED SHARDED HASH
  RANGE SPLIT AT INTO SHARDS ROUND ROBIN LOCATION FORMAT delta COMMENT 'c' PRIMARY KEY CHECK GENERATED ALWAYS IDENTITY
  START INCREMENT CASE END NULL CONSTRAINT ALTER RENAME COLUMN DROP ADD TYPE RESHARD NONE TBLPROPERTIES DESCRIBE HISTORY
  DETAIL LIMIT RESTORE VERSION TIMESTAMP OF OPTIMIZE ZORDER VACUUM RETAIN HOURS DRY RUN ANALYZE SHOW COLUMNS CLONE LIKE
  SHALLOW EXPLAIN BEGIN COMMIT table_changes INTERVAL DAY :: . -- /* */ ' "`.split(/\s+/);
const starts =
  `CREATE,CREATE TABLE t (,DROP,ALTER TABLE t,COMMENT ON,INSERT INTO t,UPDATE t SET a =,DELETE FROM t,
  MERGE INTO t USING s ON a WHEN,WITH c AS (,COPY t,DESCRIBE HISTORY,RESTORE t TO,OPTIMIZE t,VACUUM t,ANALYZE t,SHOW,
  EXPLAIN,CREATE TABLE t (a INT),FROM t`.split(',');

function onlySkeinErrors(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof SkeinError)) throw error;
    expect(error.sqlState).toMatch(/^(42601|0A000|22023|54001)$/);
  }
}

it('throws nothing but SkeinErrors on any soup of tokens', () => {
  const soup = fc
    .tuple(fc.constantFrom(...starts), fc.array(fc.constantFrom(...pieces), { maxLength: 30 }))
    .map(([start, rest]) => [start, ...rest].join(' '));
  fc.assert(
    fc.property(soup, (sql) => {
      onlySkeinErrors(() => parseStatement(sql));
      onlySkeinErrors(() => findTimeTravel(sql));
    }),
    { numRuns: 3_000 },
  );
});

it.each<[string, (count: number) => string]>([
  ['rows', (count) => `INSERT INTO t VALUES ${Array.from({ length: count }, () => '(1, f(2))').join(',')}`],
  [
    'columns',
    (count) => `CREATE TABLE t (${Array.from({ length: count }, (_, i) => `c${i} INT`).join(',')})`,
  ],
  ['cases', (count) => `UPDATE t SET a = ${'CASE WHEN b THEN '.repeat(count)}`],
  ['brackets', (count) => `DELETE FROM t WHERE ${'(a) AND '.repeat(count)} b`],
  ['names', (count) => `MERGE INTO t USING ${'a.'.repeat(count)}b c ON x WHEN MATCHED THEN DELETE`],
  ['versions', (count) => `FROM ${'t VERSION AS OF 1, '.repeat(count)} u`],
  ['WITH', (count) => `WITH ${'a AS (FROM b), '.repeat(count)} INSERT INTO t FROM a`],
])('takes linear time for many %s', (_what, make) => {
  const sql = make(20_000);
  const text = sql.slice(0, 990_000);
  const start = performance.now();
  onlySkeinErrors(() => parseStatement(text));
  onlySkeinErrors(() => findTimeTravel(text));
  expect(performance.now() - start).toBeLessThan(5_000);
});
