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
  /** Items of FROM: the target, whole and restricted to the touched files, under the same alias. */
  readonly target: string;
  readonly alias: string;
  /** An item of FROM; of an UPDATE ... FROM a list of them. */
  readonly source: string;
  readonly on: string;
  readonly clauses: readonly RowClause[];
}

/**
 * Rows of the target that some clause changes: `f`, `r` (where the row lies), `k` (number of the clause, from 1) and
 * its new values `v0`, `v1` ... A row is there once for each row of the source that it meets.
 */
function changesSql(merge: MergeSql): string {
  const { target, source, on } = merge;
  const parts: string[] = [];
  const matched = `FROM ${target}, ${source} WHERE (${on})`;
  if (has(merge, 'matched')) parts.push(branch(merge, 'matched', matched));
  if (has(merge, 'notMatchedBySource')) {
    const unmatched = `FROM ${target} WHERE NOT EXISTS (SELECT 1 FROM ${source} WHERE (${on}))`;
    parts.push(branch(merge, 'notMatchedBySource', unmatched));
  }
  // Only inserts: a relation of the right columns without rows.
  if (parts.length === 0) parts.push(branch(merge, 'matched', `FROM ${target} WHERE false`));
  return `SELECT * FROM (${parts.join('\nUNION ALL\n')}) AS changes WHERE k > 0`;
}

function has({ clauses }: MergeSql, when: RowClause['when']): boolean {
  return clauses.some((clause) => clause.when === when);
}

function branch(merge: MergeSql, when: RowClause['when'], from: string): string {
  const { alias, schema, clauses } = merge;
  const values = schema.map(({ name, type }, index) => {
    const own = `${alias}.${quoteIdentifier(name)}`;
    const value = byClause(clauses, when, (clause) =>
      clause.action.kind === 'update' ? (clause.action.values[index] ?? own) : own,
    );
    return `CAST(${value ?? own} AS ${formatType(type)}) AS v${index}`;
  });
  const number = clauseNumber(clauses, when);
  return `SELECT ${alias}.${fileColumn} AS f, ${alias}.${rowColumn} AS r, ${number} AS k, ${values.join(', ')} ${from}`;
}

/** The number of the first clause of its kind that fits, 0 where none does or nothing is to be done. */
function clauseNumber(clauses: readonly RowClause[], when: RowClause['when']): string {
  return (
    byClause(clauses, when, (clause) =>
      clause.action.kind === 'nothing' ? '0' : String(clauses.indexOf(clause) + 1),
    ) ?? '0'
  );
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

/** By file: rows that are changed or deleted, those that are deleted, and how many source rows want the same row. */
export function touchedSql(merge: MergeSql): string {
  const deletes = numbersOf(merge, 'delete');
  return `${merge.prefix}SELECT f, count(*), count(*) FILTER (deleted), max(wanted) FROM (
    SELECT f, r, bool_or(k IN (${deletes})) AS deleted, count(*) AS wanted FROM (${changesSql(merge)}) AS each GROUP BY f, r
  ) AS rows GROUP BY f`;
}

function numbersOf({ clauses }: MergeSql, kind: 'update' | 'delete'): string {
  const numbers = clauses.flatMap((clause, index) => (clause.action.kind === kind ? [index + 1] : []));
  return numbers.length === 0 ? 'NULL' : numbers.join(', ');
}

/**
 * Rows of the touched files as they are afterwards, and the rows to insert, in the target's columns.
 * @param touched the restricted target as an item of FROM, under the same alias; undefined: no file is touched
 * @param inserted SQL of the default of each column
 */
export function writtenSql(
  merge: MergeSql,
  touched: string | undefined,
  defaults: readonly string[],
): string | undefined {
  const parts: string[] = [];
  if (touched !== undefined) parts.push(rewrittenSql(merge, touched));
  if (has(merge, 'notMatchedByTarget')) parts.push(insertedSql(merge, defaults));
  return parts.length === 0 ? undefined : `${merge.prefix}${parts.join('\nUNION ALL\n')}`;
}

function rewrittenSql(merge: MergeSql, touched: string): string {
  const { schema, alias } = merge;
  const items = schema.map(({ name }, index) => {
    const quoted = quoteIdentifier(name);
    return `CASE WHEN changes.k IS NULL THEN ${alias}.${quoted} ELSE changes.v${index} END AS ${quoted}`;
  });
  const deletes = numbersOf(merge, 'delete');
  const kept = deletes === 'NULL' ? '' : ` WHERE changes.k IS NULL OR changes.k NOT IN (${deletes})`;
  return `SELECT ${items.join(', ')} FROM ${touched} LEFT JOIN (SELECT DISTINCT ON (f, r) * FROM (${changesSql(merge)}) AS each) AS changes
    ON ${alias}.${fileColumn} = changes.f AND ${alias}.${rowColumn} = changes.r${kept}`;
}

/** @param defaults SQL of each column where a clause gives it no value */
function insertedSql({ schema, target, source, on, clauses }: MergeSql, defaults: readonly string[]): string {
  const when = 'notMatchedByTarget';
  const items = schema.map(({ name, type }, index) => {
    const fallback = defaults[index] ?? 'NULL';
    const value =
      byClause(clauses, when, (clause) =>
        clause.action.kind === 'insert' ? (clause.action.values[index] ?? fallback) : 'NULL',
      ) ?? 'NULL';
    return `CAST(${value} AS ${formatType(type)}) AS ${quoteIdentifier(name)}`;
  });
  const number = clauseNumber(clauses, when);
  return `SELECT ${items.join(', ')} FROM ${source} WHERE NOT EXISTS (SELECT 1 FROM ${target} WHERE (${on})) AND (${number}) > 0`;
}
