import type { Span } from '../../sql/index.ts';
import { quoteIdentifier, quoteLiteral } from '../../types/index.ts';
import { commitChange, type TableChange } from './commit-change.ts';
import type { DeltaTarget } from './delta-target.ts';
import { countResult } from './results.ts';
import type { ResultRows, StatementContext, StatementQuery, StatementResult } from './statement-context.ts';
import { emptyRow } from './table-definition.ts';

/** What a statement's RETURNING asks. */
export interface Returning {
  readonly items: Span;
  /** What the statement calls the table. */
  readonly alias: string;
  /** Whether `merge_action` says what happened to a row. A column of that name goes before it. */
  readonly withAction: boolean;
}

/** Rows of a change, in the table's columns: as they are after it, those that are deleted as they were. */
export interface ChangedRows {
  readonly action: 'INSERT' | 'UPDATE' | 'DELETE';
  /** A query. */
  readonly sql: string;
}

/**
 * Carries a change out. Answers what RETURNING asks of the rows of the commit, or how many rows it concerned.
 * @param run as of `commitChange`; with `returned` where there is a RETURNING
 * @throws SkeinError as `commitChange`; for names that are not there, before anything is written
 */
export async function changeAndAnswer(
  target: DeltaTarget,
  context: StatementContext,
  returning: Returning | undefined,
  run: (target: DeltaTarget) => Promise<TableChange | undefined>,
): Promise<StatementResult> {
  const nothing = returning === undefined ? undefined : await noneOf(target, context, returning);
  const commit = await commitChange(target, context, run);
  if (nothing === undefined) return countResult(commit.rows);
  return (commit.kind === 'committed' ? commit.returned : undefined) ?? nothing;
}

/** What RETURNING asks of rows that are written and not committed yet. */
export async function returnedRows(
  context: StatementContext,
  returning: Returning,
  parts: readonly ChangedRows[],
  tables: NonNullable<StatementQuery['tables']>,
): Promise<ResultRows> {
  const { columns, rows } = await context.runRows({ ...returningQuery(returning, parts), tables });
  return returning.withAction
    ? { columns: columns.slice(1), rows: rows.map((row) => row.slice(1)) }
    : { columns, rows };
}

async function noneOf(
  { snapshot }: DeltaTarget,
  context: StatementContext,
  returning: Returning,
): Promise<ResultRows> {
  const query = returningQuery(returning, [{ action: 'INSERT', sql: emptyRow(snapshot.schema) }]);
  const columns = await context.bindColumns(query);
  return { columns: returning.withAction ? columns.slice(1) : columns, rows: [] };
}

/** The action comes first, under a name that the items behind it may use: no `*` among them means it. */
function returningQuery(
  { items, alias, withAction }: Returning,
  parts: readonly ChangedRows[],
): StatementQuery {
  const selects = parts.map(({ action, sql }) => {
    const first = withAction ? `${quoteLiteral(action)} AS merge_action, ` : '';
    return `SELECT ${first}${items.sql} FROM (${sql}) AS ${quoteIdentifier(alias)}`;
  });
  return { sql: selects.join('\nUNION ALL\n'), offset: undefined, spans: [items] };
}
