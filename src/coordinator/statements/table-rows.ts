import { systemRandom } from '../../common/index.ts';
import type { ColumnRules, DeltaSnapshot } from '../../storage/index.ts';
import { formatType, quoteIdentifier, quoteLiteral, type Schema } from '../../types/index.ts';
import type { DeltaTarget } from './delta-target.ts';
import { identitySql } from './identities.ts';

/** Where the value of a table's column comes from. */
export type ColumnSource =
  /** The source query's column of this position, cast to the column's type. */
  | { readonly kind: 'given'; readonly position: number }
  /** What its default or its generation expression gives, NULL where it has none. */
  | { readonly kind: 'default' };

export interface TableRowsRequest {
  /** Columns are taken by position. */
  readonly source: string;
  readonly sourceColumns: number;
  readonly target: Pick<DeltaSnapshot, 'schema' | 'metadata'>;
  readonly rules: ColumnRules;
  /** One a column of the table. */
  readonly columns: readonly ColumnSource[];
  /** SQL of the row's shard over the table's columns by name; undefined: the table has no shards. */
  readonly shard: string | undefined;
}

/**
 * Marks the errors of rows that the table's rules refuse; the rule's text follows. Not to be guessed: an error that a
 * user's own SQL makes must not pass for one.
 */
export const violationMark = `skein-row-violates-${systemRandom.token(16)}:`;
/** Name of the INTEGER column behind the table's own: the shard of the row. */
const shardColumn = '_skein_shard';

/**
 * SQL that brings the rows of a query into the shape of a table: its columns in order and of their types, with defaults,
 * identities and generated columns filled in, then the shard where there is one. A row that breaks a CHECK constraint
 * or an invariant, or says another value than a generated column has, is an error that `violationMark` begins.
 *
 *     SELECT "a", "b", <shard> FROM (
 *       SELECT "a", CAST(<generated> AS ..) AS "b" FROM (
 *         SELECT CAST(c0 AS ..) AS "a" FROM (source) AS s(c0, ...)))
 *     WHERE <checks>
 */
export function tableRows(request: TableRowsRequest): string {
  const { source, sourceColumns, target, rules, columns, shard } = request;
  const names = Array.from({ length: sourceColumns }, (_, index) => `c${index}`);
  const generated = new Map(rules.generated.map((rule) => [rule.column, rule.sql]));
  const own = target.schema.map(({ name, type }, index) => {
    const from = columns[index];
    const isGiven = from?.kind === 'given';
    const value = isGiven ? `c${from.position}` : defaultValue(name, rules);
    return `CAST(${value} AS ${formatType(type)}) AS ${quoteIdentifier(name)}`;
  });
  let sql = `SELECT ${own.join(', ')} FROM (\n${source}\n) AS s(${names.join(', ')})`;
  if (generated.size > 0) sql = fillGenerated(sql, target.schema, generated, columns);
  const conditions = [
    // The write sees NULLs of the columns in the files; those of folders are seen here.
    ...rules.notNull
      .filter(([column]) => column !== undefined && target.metadata.partitionColumns.includes(column))
      .map(([column = '']) =>
        guard(`${quoteIdentifier(column)} IS NOT NULL`, `NOT NULL of column ${column}`),
      ),
    ...rules.checks.map(({ name, sql: check }) => guard(check, `CHECK constraint ${name} (${check})`)),
    ...rules.invariants.map((rule) =>
      guard(rule.sql, `the invariant of column ${rule.column} (${rule.sql})`),
    ),
  ];
  if (conditions.length === 0 && shard === undefined) return sql;
  const items = [
    ...target.schema.map(({ name }) => quoteIdentifier(name)),
    ...(shard === undefined ? [] : [`CAST(${shard} AS INTEGER) AS ${shardColumn}`]),
  ];
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  return `SELECT ${items.join(', ')} FROM (${sql})${where}`;
}

/**
 * SQL of rows that have all columns of the table, checked; generated columns are computed anew.
 * @param source gives the table's columns in order
 */
export function givenRows(
  { snapshot, rules }: Pick<DeltaTarget, 'snapshot' | 'rules'>,
  source: string,
  shard?: string,
): string {
  const generated = new Set(rules.generated.map(({ column }) => column));
  return tableRows({
    source,
    sourceColumns: snapshot.schema.length,
    target: snapshot,
    rules,
    columns: snapshot.schema.map(({ name }, position) =>
      generated.has(name) ? { kind: 'default' } : { kind: 'given', position },
    ),
    shard,
  });
}

function defaultValue(name: string, rules: ColumnRules): string {
  const identity = rules.identities.find((rule) => rule.column === name);
  if (identity !== undefined) return identitySql(identity);
  return `(${rules.defaults.find((rule) => rule.column === name)?.sql ?? 'NULL'})`;
}

/** Generation expressions name other columns; where the source gives a value too, the two must agree. */
function fillGenerated(
  sql: string,
  schema: Schema,
  generated: ReadonlyMap<string, string>,
  columns: readonly ColumnSource[],
): string {
  const conditions: string[] = [];
  const items = schema.map(({ name, type }, index) => {
    const expression = generated.get(name);
    const quoted = quoteIdentifier(name);
    if (expression === undefined) return quoted;
    const value = `CAST((${expression}) AS ${formatType(type)})`;
    if (columns[index]?.kind === 'given') {
      conditions.push(
        guard(`${quoted} IS NOT DISTINCT FROM ${value}`, `generated column ${name} (${expression})`),
      );
      return quoted;
    }
    return `${value} AS ${quoted}`;
  });
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  return `SELECT ${items.join(', ')} FROM (${sql})${where}`;
}

/** True for a row that satisfies the condition, an error for any other: NULL does not satisfy it. */
function guard(condition: string, rule: string): string {
  return `CASE WHEN (${condition}) IS TRUE THEN true ELSE error(${quoteLiteral(`${violationMark}${rule}`)}) END`;
}
