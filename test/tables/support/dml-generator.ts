import { Prng } from '../../random/prng.ts';
import type { Step } from './dml-pair.ts';

const columns = ['k', 'p', 'v', 'x'] as const;
type Column = (typeof columns)[number];

/** Statements that make, fill and change the tables `t` and `s`, of equal columns. The same seed gives the same ones. */
export function randomSteps(seed: number, count: number): readonly Step[] {
  const random = new Prng(seed);
  const generator = new Generator(random);
  const define = (name: string): Step => ({
    sql: `CREATE TABLE ${name} (k BIGINT, p INTEGER, v VARCHAR, x DOUBLE) /*clauses*/`,
  });
  return [
    define('t'),
    define('s'),
    { sql: generator.insertValues('t', 12) },
    { sql: generator.insertValues('s', 6) },
    ...Array.from({ length: count }, () => generator.step()),
  ];
}

class Generator {
  readonly #random: Prng;
  /** DuckDB fails on subqueries in the clauses of MERGE. */
  #plain = false;

  constructor(random: Prng) {
    this.#random = random;
  }

  step(): Step {
    const kind = this.#random.below(20);
    if (kind < 3) return { sql: this.insertValues(this.#table(), 1 + this.#random.below(4)) };
    if (kind < 6) return { sql: this.#insertSelect() };
    if (kind < 10) return { sql: this.#update() };
    if (kind < 12) return { sql: `DELETE FROM t WHERE ${this.#predicate('t', 2)}` };
    if (kind < 13) return { sql: this.#updateFrom() };
    if (kind < 14) return { sql: this.#deleteUsing() };
    if (kind < 18) return { sql: this.#merge() };
    if (kind < 19) return { sql: 'TRUNCATE s' };
    return {
      sql: `CREATE OR REPLACE TABLE t /*clauses*/ AS SELECT * FROM t WHERE ${this.#predicate('t', 1)}`,
    };
  }

  insertValues(table: string, count: number): string {
    const rows = Array.from({ length: count }, () => {
      return `(${columns.map((column) => this.#literal(column)).join(', ')})`;
    });
    return `INSERT INTO ${table} VALUES ${rows.join(', ')}`;
  }

  #table(): string {
    return this.#random.chance(70) ? 't' : 's';
  }

  #insertSelect(): string {
    const into = this.#table();
    const from = this.#table();
    const items = columns.map((column) => this.#value(column, 'q'));
    const where = this.#predicate('q', 1);
    if (this.#random.chance(30))
      return `INSERT INTO ${into} (v, k) SELECT q.v, q.k FROM ${from} q WHERE ${where}`;
    return `INSERT INTO ${into} SELECT ${items.join(', ')} FROM ${from} q WHERE ${where}`;
  }

  #assignments(scope: string): string {
    const chosen = columns.filter(() => this.#random.chance(40));
    const set = chosen.length === 0 ? (['v'] as const) : chosen;
    return set.map((column) => `${column} = ${this.#value(column, scope)}`).join(', ');
  }

  #update(): string {
    const where = this.#random.chance(85) ? ` WHERE ${this.#predicate('t', 2)}` : '';
    return `UPDATE t SET ${this.#assignments('t')}${where}`;
  }

  /** Rows that are unique in `k`: which of several would win is nobody's to say. */
  #source(): string {
    const from = this.#table();
    return `(SELECT k, min(p) AS p, max(v) AS v, min(x) AS x FROM ${from} q WHERE ${this.#predicate('q', 1)} GROUP BY k)`;
  }

  #updateFrom(): string {
    return `UPDATE t SET ${this.#assignments('u')} FROM ${this.#source()} u WHERE t.k = u.k AND ${this.#predicate('t', 1)}`;
  }

  #deleteUsing(): string {
    return `DELETE FROM t USING ${this.#table()} u WHERE t.k = u.k AND ${this.#predicate('u', 1)}`;
  }

  #merge(): string {
    const source = this.#source();
    this.#plain = true;
    const clauses: string[] = [];
    const condition = (scope: string): string =>
      this.#random.chance(60) ? ` AND ${this.#predicate(scope, 1)}` : '';
    if (this.#random.chance(50)) clauses.push(`WHEN MATCHED AND ${this.#predicate('t', 1)} THEN DELETE`);
    if (this.#random.chance(70))
      clauses.push(`WHEN MATCHED${condition('u')} THEN UPDATE SET ${this.#assignments('u')}`);
    if (this.#random.chance(60)) {
      const values = columns.map((column) => this.#value(column, 'u'));
      clauses.push(`WHEN NOT MATCHED${condition('u')} THEN INSERT VALUES (${values.join(', ')})`);
    }
    if (this.#random.chance(30)) clauses.push(`WHEN NOT MATCHED BY SOURCE${condition('t')} THEN DELETE`);
    if (clauses.length === 0) clauses.push('WHEN MATCHED THEN DELETE');
    this.#plain = false;
    return `MERGE INTO t USING ${source} u ON t.k = u.k ${clauses.join(' ')}`;
  }

  #literal(column: Column): string {
    if (this.#random.chance(15)) return 'NULL';
    const number = this.#random.below(10);
    switch (column) {
      case 'k':
        return String(number);
      case 'p':
        return String(number % 4);
      case 'v':
        return `'${'abcdefghij'[number] ?? ''}'`;
      case 'x':
        return String(number / 4);
    }
  }

  /** An expression over the columns of `scope` that fits the column. */
  #value(column: Column, scope: string): string {
    const kind = this.#random.below(4);
    if (kind === 0) return this.#literal(column);
    if (kind === 1) return `${scope}.${column}`;
    switch (column) {
      case 'k':
        return kind === 2 ? `${scope}.k + ${this.#random.below(5)}` : `${scope}.p`;
      case 'p':
        return kind === 2
          ? `${scope}.k % 3`
          : `CASE WHEN ${this.#predicate(scope, 1)} THEN ${scope}.p ELSE 1 END`;
      case 'v':
        return kind === 2 ? `upper(${scope}.v)` : `coalesce(${scope}.v, 'n') || ${this.#random.below(3)}`;
      case 'x':
        return kind === 2 || this.#plain
          ? `${scope}.x + 0.5`
          : `(SELECT max(z.x) FROM s z WHERE z.k = ${scope}.k)`;
    }
  }

  #predicate(scope: string, depth: number): string {
    const drawn = this.#random.below(depth > 0 ? 12 : 8);
    const kind = this.#plain && (drawn === 6 || drawn === 7) ? drawn - 6 : drawn;
    const number = this.#random.below(10);
    switch (kind) {
      case 0:
        return `${scope}.k < ${number}`;
      case 1:
        return `${scope}.p = ${number % 4}`;
      case 2:
        return `${scope}.v IS ${number < 5 ? '' : 'NOT '}NULL`;
      case 3:
        return `${scope}.x > ${number / 4}`;
      case 4:
        return `${scope}.k % 3 = ${number % 3}`;
      case 5:
        return `${scope}.v < '${'abcdefghij'[number] ?? ''}'`;
      case 6:
        return `${scope}.k IN (SELECT z.k FROM ${this.#table()} z WHERE z.p = ${number % 4})`;
      case 7:
        return `EXISTS (SELECT 1 FROM ${this.#table()} z WHERE z.k = ${scope}.k + 1)`;
      case 8:
        return `NOT (${this.#predicate(scope, depth - 1)})`;
      case 9:
        return `(${this.#predicate(scope, depth - 1)} OR ${this.#predicate(scope, depth - 1)})`;
      default:
        return `(${this.#predicate(scope, depth - 1)} AND ${this.#predicate(scope, depth - 1)})`;
    }
  }
}
