import { formatType, quoteIdentifier, type Schema } from '../../types/index.ts';
import { fileColumn, rowColumn } from './target-relation.ts';

/** SQL of one column's new value; undefined: as it is (of an insert: its default). */
export type NewValues = readonly (string | undefined)[];

/** A WHEN clause, its values over the scope it is evaluated in, one a column of the target. */
export interface RowClause {
  readonly when: 'matched' | 'notMatchedByTarget' | 'notMatchedBySource';
  readonly condition: string | undefined;
  readonly action:
    | { readonly kind: 'update' | 'insert'; readonly values: NewValues }
    | { readonly kind: 'delete' | 'nothing' };
}

export interface MergeSql {
  /** `WITH ... `, or empty. */
  readonly prefix: string;
  readonly schema: Schema;
  /** An item of FROM, with its alias. */
  readonly target: string;
  readonly alias: string;
  /** An item of FROM; of an UPDATE ... FROM a list of them; undefined: the target's own rows decide. */
  readonly source: string | undefined;
  readonly on: string;
  readonly clauses: readonly RowClause[];
  /** SQL of each column of an inserted row where a clause gives it no value. */
  readonly defaults: readonly string[];
}

/** Column of a change: the number of the clause that makes it, from 1. */
const clauseColumn = '_skein_clause';

/** Column of a change: the new value of a column of the target. */
function valueColumn(index: number): string {
  return `_skein_v${index}`;
}

/**
 * What the clauses do: the row's place (file and row; NULL of a row to insert), the clause's number, and the row's new
 * values where some clause gives any. A row of the target is there once for each row of the source that it meets.
 */
export function changesSql(merge: MergeSql): string {
  const { target, source, on } = merge;
  const parts: string[] = [];
  const from = source === undefined ? target : `${target}, ${source}`;
  if (has(merge, 'matched')) parts.push(branch(merge, 'matched', `FROM ${from} WHERE (${on})`));
  if (has(merge, 'notMatchedBySource')) {
    const unmatched = `FROM ${target} WHERE NOT EXISTS (SELECT 1 FROM ${source} WHERE (${on}))`;
    parts.push(branch(merge, 'notMatchedBySource', unmatched));
  }
  if (has(merge, 'notMatchedByTarget')) {
    // The clause decides before identities are given out.
    const number = clauseNumber(merge.clauses, 'notMatchedByTarget');
    const unmatched = `FROM ${source} WHERE NOT EXISTS (SELECT 1 FROM ${target} WHERE (${on})) AND ${number} > 0`;
    parts.push(branch(merge, 'notMatchedByTarget', unmatched));
  }
  return `${merge.prefix}SELECT * FROM (${parts.join('\nUNION ALL\n')}) AS changes WHERE ${clauseColumn} > 0`;
}

function has({ clauses }: MergeSql, when: RowClause['when']): boolean {
  return clauses.some((clause) => clause.when === when);
}

/** Whether the changes have values: where rows are only deleted they need none. */
export function givesValues({ clauses }: Pick<MergeSql, 'clauses'>): boolean {
  return clauses.some(({ action }) => action.kind === 'update' || action.kind === 'insert');
}

function branch(merge: MergeSql, when: RowClause['when'], from: string): string {
  const { alias, clauses } = merge;
  const inserts = when === 'notMatchedByTarget';
  const place = inserts
    ? [`CAST(NULL AS VARCHAR) AS ${fileColumn}`, `CAST(NULL AS BIGINT) AS ${rowColumn}`]
    : [`${alias}.${fileColumn} AS ${fileColumn}`, `${alias}.${rowColumn} AS ${rowColumn}`];
  const number = `CAST(${clauseNumber(clauses, when)} AS INTEGER) AS ${clauseColumn}`;
  const values = givesValues(merge) ? newValues(merge, when) : [];
  return `SELECT ${[...place, number, ...values].join(', ')} ${from}`;
}

function newValues(
  { alias, schema, clauses, defaults }: MergeSql,
  when: RowClause['when'],
): readonly string[] {
  return schema.map(({ name, type }, index) => {
    const kept =
      when === 'notMatchedByTarget' ? (defaults[index] ?? 'NULL') : `${alias}.${quoteIdentifier(name)}`;
    const value = byClause(clauses, when, ({ action }) =>
      action.kind === 'update' || action.kind === 'insert' ? (action.values[index] ?? kept) : kept,
    );
    return `CAST(${value ?? kept} AS ${formatType(type)}) AS ${valueColumn(index)}`;
  });
}

/** The number of the first clause of its kind that fits, 0 where none does or nothing is to be done. */
function clauseNumber(clauses: readonly RowClause[], when: RowClause['when']): string {
  const number = byClause(clauses, when, (clause) =>
    clause.action.kind === 'nothing' ? '0' : String(clauses.indexOf(clause) + 1),
  );
  return number ?? '0';
}

/** CASE over the conditions of the clauses of one kind, in order. */
function byClause(
  clauses: readonly RowClause[],
  when: RowClause['when'],
  value: (clause: RowClause) => string,
): string | undefined {
  const fitting = clauses.filter((clause) => clause.when === when);
  if (fitting.length === 0) return undefined;
  const arms: string[] = [];
  for (const clause of fitting) {
    if (clause.condition === undefined) {
      return arms.length === 0 ? value(clause) : `CASE ${arms.join(' ')} ELSE ${value(clause)} END`;
    }
    arms.push(`WHEN (${clause.condition}) THEN ${value(clause)}`);
  }
  // Beyond the last condition nothing happens: whatever stands here is filtered out by its number.
  return `CASE ${arms.join(' ')} END`;
}

/** Changes that were computed, to be used. */
export interface Changes {
  /** An item of FROM without an alias: rows of `changesSql`. */
  readonly from: string;
  readonly schema: Schema;
  readonly clauses: readonly RowClause[];
}

/**
 * By file (NULL: rows to insert): rows that are changed or deleted, those that are deleted, and how many source rows want
 * the same row at most.
 */
export function touchedSql({ from, clauses }: Changes): string {
  const deletes = deletesOf(clauses);
  return `SELECT ${fileColumn}, CAST(sum(CASE WHEN ${rowColumn} IS NULL THEN wanted ELSE 1 END) AS BIGINT), count(*) FILTER (deleted), max(wanted) FROM (
    SELECT ${fileColumn}, ${rowColumn}, bool_or(${clauseColumn} IN (${deletes})) AS deleted, count(*) AS wanted FROM ${from} GROUP BY 1, 2
  ) AS rows GROUP BY 1`;
}

function deletesOf(clauses: readonly RowClause[]): string {
  const numbers = clauses.flatMap(({ action }, index) => (action.kind === 'delete' ? [index + 1] : []));
  return numbers.length === 0 ? 'NULL' : numbers.join(', ');
}

/** SQL of whether a change leaves a row. */
function leavesRow(clauses: readonly RowClause[]): string {
  const deletes = deletesOf(clauses);
  return deletes === 'NULL' ? 'true' : `${clauseColumn} NOT IN (${deletes})`;
}

/** New rows of changes: those that are updated, those that are inserted, or both. In the target's columns. */
export function newRowsSql(
  { from, schema, clauses }: Changes,
  which: 'updated' | 'inserted' | 'both',
): string {
  const items = schema.map(({ name }, index) => `${valueColumn(index)} AS ${quoteIdentifier(name)}`);
  const place = which === 'both' ? '' : ` AND ${fileColumn} IS ${which === 'inserted' ? '' : 'NOT '}NULL`;
  return `SELECT ${items.join(', ')} FROM ${from} WHERE ${leavesRow(clauses)}${place}`;
}

/** Rows of the touched files that no change concerns. @param touched an item of FROM under the alias */
export function keptRowsSql({ from, schema }: Changes, touched: string, alias: string): string {
  const items = schema.map(({ name }) => `${alias}.${quoteIdentifier(name)}`);
  return `SELECT ${items.join(', ')} FROM ${touched} WHERE NOT EXISTS (SELECT 1 FROM ${from} AS _skein_c
    WHERE _skein_c.${fileColumn} = ${alias}.${fileColumn} AND _skein_c.${rowColumn} = ${alias}.${rowColumn})`;
}

/** Rows of the touched files that are deleted, as they were. */
export function deletedRowsSql({ from, schema, clauses }: Changes, touched: string, alias: string): string {
  const items = schema.map(({ name }) => `${alias}.${quoteIdentifier(name)}`);
  return `SELECT ${items.join(', ')} FROM ${touched} WHERE EXISTS (SELECT 1 FROM ${from} AS _skein_c
    WHERE _skein_c.${fileColumn} = ${alias}.${fileColumn} AND _skein_c.${rowColumn} = ${alias}.${rowColumn}
      AND _skein_c.${clauseColumn} IN (${deletesOf(clauses)}))`;
}

/** Rows of the touched files as they were before their change, and behind them how they changed. */
export function oldRowsSql({ from, schema, clauses }: Changes, touched: string, alias: string): string {
  const items = schema.map(({ name }) => `${alias}.${quoteIdentifier(name)}`);
  const kind = `CASE WHEN _skein_c.stays THEN 'update_preimage' ELSE 'delete' END`;
  return `SELECT ${items.join(', ')}, ${kind} FROM ${touched} JOIN
    (SELECT ${fileColumn} AS f, ${rowColumn} AS r, bool_and(${leavesRow(clauses)}) AS stays FROM ${from} WHERE ${fileColumn} IS NOT NULL GROUP BY 1, 2) AS _skein_c
    ON _skein_c.f = ${alias}.${fileColumn} AND _skein_c.r = ${alias}.${rowColumn}`;
}
