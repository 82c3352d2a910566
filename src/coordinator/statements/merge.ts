import { SkeinError, SqlState } from '../../common/index.ts';
import type { Assignment, Cell, MergeClause, MergeStatement, Name } from '../../sql/index.ts';
import { changeRows, toAddAction } from '../../storage/index.ts';
import { quoteIdentifier, type Schema } from '../../types/index.ts';
import { changeTable, type TableChange } from './commit-change.ts';
import { columnPosition, type DeltaTarget, openTarget } from './delta-target.ts';
import { deltaWrite, shardSql } from './delta-write.ts';
import { type MergeSql, type NewValues, type RowClause, touchedSql, writtenSql } from './merge-rows-sql.ts';
import { countResult } from './results.ts';
import type { StatementContext, StatementResult } from './statement-context.ts';
import { tableRows } from './table-rows.ts';
import { targetRelation } from './target-relation.ts';
import { liveRowsOf, touchedFiles } from './touched-files.ts';

/** MERGE INTO. */
export async function merge(statement: MergeStatement, context: StatementContext): Promise<StatementResult> {
  const target = await openTarget(statement.table, context);
  const { relation, alias, columns } = statement.source;
  const sourceAlias = quoteIdentifier(alias?.name ?? lastName(relation.sql));
  const names =
    columns.length === 0 ? '' : `(${columns.map(({ name }) => quoteIdentifier(name)).join(', ')})`;
  const source = `${relation.sql} AS ${sourceAlias}${names}`;
  const rows = await changeTable(target, context, async (current) => {
    const targetAlias = quoteIdentifier(statement.alias?.name ?? current.table.name);
    const prefix = statement.with === undefined ? '' : `${statement.with.sql} `;
    const needsSource = statement.clauses.some(({ action }) => action.kind.endsWith('All'));
    const sourceColumns = needsSource
      ? await context.bindColumns({ sql: `${prefix}SELECT * FROM ${source}`, offset: undefined })
      : [];
    const { on } = statement;
    const condition =
      on.kind === 'on'
        ? on.condition.sql
        : on.columns
            .map(
              ({ name }) =>
                `${targetAlias}.${quoteIdentifier(name)} = ${sourceAlias}.${quoteIdentifier(name)}`,
            )
            .join(' AND ');
    return mergeRows(current, context, {
      alias: statement.alias?.name,
      ctes: statement.with?.sql,
      source,
      on: condition,
      clauses: statement.clauses.map((clause) => rowClause(clause, current, sourceColumns, sourceAlias)),
      operation: 'MERGE',
      severalMatches: 'refused',
    });
  });
  return countResult(rows);
}

/** An unaliased source is named by the table's own name. */
function lastName(relation: string): string {
  const match = /(?:"((?:[^"]|"")+)"|([\p{L}_][\p{L}\p{N}_$]*))\s*$/u.exec(relation);
  return match?.[1]?.replaceAll('""', '"') ?? match?.[2] ?? 'source';
}

export interface MergeRequest {
  readonly alias: string | undefined;
  /** `WITH ...` */
  readonly ctes: string | undefined;
  /** Items of FROM. */
  readonly source: string;
  readonly on: string;
  readonly clauses: readonly RowClause[];
  readonly operation: 'MERGE' | 'UPDATE' | 'DELETE';
  /** Whether more than one row of the source may want the same row: of deletions that makes no difference. */
  readonly severalMatches: 'allowed' | 'refused';
}

/** Rewrites the files that a join with a source touches, and adds what it inserts. */
export async function mergeRows(
  target: DeltaTarget,
  context: StatementContext,
  request: MergeRequest,
): Promise<TableChange | undefined> {
  const { snapshot, rules } = target;
  const all = targetRelation(target, request.alias);
  const sql: MergeSql = {
    prefix: request.ctes === undefined ? '' : `${request.ctes} `,
    schema: snapshot.schema,
    target: all.from,
    alias: all.alias,
    source: request.source,
    on: request.on,
    clauses: request.clauses,
  };
  const found = await context.runRows(
    { sql: touchedSql(sql), offset: undefined, tables: all.tables },
    snapshot.files.length,
  );
  const wanted = Math.max(0, ...found.rows.map((row) => Number(row[3])));
  if (wanted > 1 && request.severalMatches === 'refused') {
    throw new SkeinError(
      SqlState.cardinalityViolation,
      `${wanted} rows of the source want to change the same row of ${target.table.key}`,
      { hint: 'Make the source unique in the columns that it is joined by.' },
    );
  }
  const deleted = found.rows.reduce((sum, row) => sum + Number(row[2]), 0);
  const touched = touchedFiles(snapshot.files, found);
  const files = [...touched.counts.keys()];
  const part = files.length === 0 ? undefined : targetRelation(target, request.alias, new Set(files));
  const rows = writtenSql(sql, part?.from, rules.defaults.length === 0 ? [] : defaultsOf(target));
  if (rows === undefined) return undefined;
  const written = await context.runWrite({
    query: {
      sql: tableRows({
        source: rows,
        sourceColumns: snapshot.schema.length,
        target: snapshot,
        rules,
        columns: snapshot.schema.map(({ name }, position) =>
          rules.generated.some(({ column }) => column === name)
            ? { kind: 'default' }
            : { kind: 'given', position },
        ),
        shard: shardSql(snapshot),
      }),
      offset: undefined,
      tables: new Map([...all.tables, ...(part?.tables ?? [])]),
    },
    write: () => deltaWrite(snapshot),
  });
  const before = files.map((file) => liveRowsOf(file));
  const live = before.every((count) => count !== undefined)
    ? before.reduce((sum, count) => sum + count, 0)
    : await countLive(context, part);
  const inserted = written.rows - (live - deleted);
  if (files.length === 0 && inserted === 0) return undefined;
  const nowMs = context.clock.now();
  const adds = written.files.map((file) => toAddAction(file, { nowMs, dataChange: true }));
  return {
    actions: changeRows({ rewritten: files, deletions: [], written: adds, changes: [] }, nowMs),
    reads: { kind: 'wholeTable' },
    operation: request.operation,
    parameters: { predicate: JSON.stringify([request.on]) },
    metrics: {
      numTargetRowsInserted: String(inserted),
      numTargetRowsUpdated: String(touched.rows - deleted),
      numTargetRowsDeleted: String(deleted),
      numTargetFilesAdded: String(adds.length),
      numTargetFilesRemoved: String(files.length),
    },
    written: written.files,
    rows: touched.rows + inserted,
  };
}

function defaultsOf({ snapshot, rules }: DeltaTarget): readonly string[] {
  return snapshot.schema.map(
    ({ name }) => rules.defaults.find(({ column }) => column === name)?.sql ?? 'NULL',
  );
}

async function countLive(
  context: StatementContext,
  part: ReturnType<typeof targetRelation> | undefined,
): Promise<number> {
  if (part === undefined) return 0;
  const query = { sql: `SELECT count(*) FROM ${part.from}`, offset: undefined, tables: part.tables };
  return Number((await context.runRows(query)).rows[0]?.[0] ?? 0);
}

/** New values one a column of the target; undefined for those that stay, or that get their default. */
export function assignedValues(
  assignments: readonly Assignment[],
  { snapshot, table, rules }: DeltaTarget,
): NewValues {
  const values: (string | undefined)[] = snapshot.schema.map(() => undefined);
  for (const { column, value } of assignments) {
    const position = columnPosition(snapshot.schema, column, table.key);
    const name = snapshot.schema[position]?.name;
    if (rules.generated.some((rule) => rule.column === name)) {
      throw new SkeinError(
        SqlState.generatedAlways,
        `the column ${column.name} is generated: it cannot be set`,
        {
          position: column.offset,
        },
      );
    }
    if (rules.identities.some((rule) => rule.column === name)) {
      throw new SkeinError(
        SqlState.generatedAlways,
        `the column ${column.name} is an identity: it cannot be set`,
        {
          position: column.offset,
        },
      );
    }
    values[position] = cellSql(value, name, rules.defaults);
  }
  return values;
}

function cellSql(cell: Cell, column: string | undefined, defaults: DeltaTarget['rules']['defaults']): string {
  if (cell.kind === 'expression') return `(${cell.expression.sql})`;
  return `(${defaults.find((rule) => rule.column === column)?.sql ?? 'NULL'})`;
}

function rowClause(
  { when, condition, action }: MergeClause,
  target: DeltaTarget,
  source: Schema,
  sourceAlias: string,
): RowClause {
  const common = { when, condition: condition?.sql };
  switch (action.kind) {
    case 'update':
      return { ...common, action: { kind: 'update', values: assignedValues(action.assignments, target) } };
    case 'updateAll':
      return { ...common, action: { kind: 'update', values: sameNames(target, source, sourceAlias) } };
    case 'insert':
      return { ...common, action: { kind: 'insert', values: insertedValues(action, target) } };
    case 'insertAll':
      return { ...common, action: { kind: 'insert', values: sameNames(target, source, sourceAlias) } };
    case 'insertDefaults':
      return { ...common, action: { kind: 'insert', values: target.snapshot.schema.map(() => undefined) } };
    case 'delete':
    case 'nothing':
      return { ...common, action: { kind: action.kind } };
  }
}

/** SET * and INSERT *: every column from the source's of the same name. @throws SkeinError 42703 where one is missing */
function sameNames({ snapshot, rules, table }: DeltaTarget, source: Schema, sourceAlias: string): NewValues {
  return snapshot.schema.map(({ name }) => {
    if (rules.generated.some(({ column }) => column === name)) return undefined;
    const found = source.find((column) => column.name.toLowerCase() === name.toLowerCase());
    if (found !== undefined) return `${sourceAlias}.${quoteIdentifier(found.name)}`;
    throw new SkeinError(
      SqlState.undefinedColumn,
      `the source has no column ${name}, which ${table.key} has`,
    );
  });
}

function insertedValues(
  { columns, values }: { readonly columns: readonly Name[]; readonly values: readonly Cell[] },
  { snapshot, table, rules }: DeltaTarget,
): NewValues {
  const { schema } = snapshot;
  const positions =
    columns.length === 0
      ? schema.map((_, index) => index)
      : columns.map((column) => columnPosition(schema, column, table.key));
  if (positions.length !== values.length) {
    throw new SkeinError(
      SqlState.syntaxError,
      `${values.length} values are given for ${positions.length} columns of ${table.key}`,
    );
  }
  const result: (string | undefined)[] = schema.map(() => undefined);
  positions.forEach((position, index) => {
    const cell = values[index];
    if (cell !== undefined) result[position] = cellSql(cell, schema[position]?.name, rules.defaults);
  });
  return result;
}
