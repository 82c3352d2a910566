import { SkeinError, SqlState } from '../../common/index.ts';
import { type InsertStatement, type Name, tableNames } from '../../sql/index.ts';
import { append, deltaTableSnapshot, overwrite, toAddAction } from '../../storage/index.ts';
import type { Schema } from '../../types/index.ts';
import type { TableChange } from './commit-change.ts';
import { columnPosition, type DeltaTarget, openTarget } from './delta-target.ts';
import { deltaWrite, shardSql } from './delta-write.ts';
import { markIdentities } from './identities.ts';
import { columnsByPosition, insertedRows } from './insert-source.ts';
import { writeMetrics } from './operation-metrics.ts';
import { changeAndAnswer, type Returning, returnedRows } from './returning.ts';
import type { ResultRows, StatementContext, StatementQuery, StatementResult } from './statement-context.ts';
import { type ColumnSource, tableRows } from './table-rows.ts';

/** INSERT INTO and INSERT OVERWRITE. */
export async function insert(
  statement: InsertStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const target = await openTarget(statement.table, context);
  const columns = statement.source.kind === 'defaults' ? 'none' : statement.columns;
  const returning =
    statement.returning === undefined
      ? undefined
      : { items: statement.returning, alias: target.table.name, withAction: false };
  return await changeAndAnswer(target, context, returning, async (current) => {
    const change = await insertRows(current, context, {
      ...insertedRows(statement, current),
      columns,
      matchBy: statement.matchBy,
      overwrite: statement.overwrite,
    });
    if (returning === undefined) return change;
    return { ...change, returned: await readBack(current, context, change, returning) };
  });
}

/** What RETURNING says of the rows that are written and not committed yet. */
async function readBack(
  { snapshot, table }: DeltaTarget,
  context: StatementContext,
  { written }: TableChange,
  returning: Returning,
): Promise<ResultRows> {
  const nowMs = context.clock.now();
  const files = written.map((file) => toAddAction(file, { nowMs, dataChange: true }));
  const key = 'skein_statement.inserted';
  try {
    return await returnedRows(
      context,
      returning,
      [{ action: 'INSERT', sql: `SELECT * FROM ${key}` }],
      new Map([[key, deltaTableSnapshot({ ...snapshot, files }, key)]]),
    );
  } catch (error) {
    await context.releaseWritten(table.location, written);
    throw error;
  }
}

export interface RowsToInsert {
  readonly source: StatementQuery;
  /** Empty: all columns of the table, in order. `none`: the source's rows count, its columns do not. */
  readonly columns: readonly Name[] | 'none';
  readonly matchBy: 'position' | 'name';
  readonly overwrite: boolean;
  /** Columns of the source that hold no value but the word DEFAULT, by position. */
  readonly defaults: ReadonlySet<number>;
  readonly appTransaction?: TableChange['appTransaction'];
}

/** Writes the rows of a query to files of the table. */
export async function insertRows(
  target: DeltaTarget,
  context: StatementContext,
  request: RowsToInsert,
): Promise<TableChange> {
  const { snapshot, rules, table } = target;
  const readsItself = tableNames(request.source.sql).has(table.name.toLowerCase());
  const source = readsItself ? ofVersion(request.source, target) : request.source;
  const bound = await context.bindColumns(source);
  const columns = columnSources(target, bound, request);
  const sql = tableRows({
    source: source.sql,
    sourceColumns: bound.length,
    target: snapshot,
    rules,
    columns,
    shard: shardSql(snapshot),
  });
  const spans = source.offset === undefined ? source.spans : [{ sql: source.sql, offset: source.offset }];
  const query: StatementQuery = {
    ...source,
    sql,
    offset: undefined,
    ...(spans === undefined ? {} : { spans }),
  };
  const { files, rows } = await context.runWrite({ query, write: () => deltaWrite(snapshot) });
  const nowMs = context.clock.now();
  const adds = files.map((file) => toAddAction(file, { nowMs, dataChange: true }));
  return {
    actions: [
      ...markIdentities(target, usedIdentities(target, columns), rows),
      ...(request.overwrite ? overwrite(snapshot, adds, nowMs) : append(adds)),
    ],
    reads: request.overwrite || readsItself ? { kind: 'wholeTable' } : { kind: 'nothing' },
    operation: 'WRITE',
    parameters: { mode: request.overwrite ? 'Overwrite' : 'Append' },
    metrics: writeMetrics(files),
    ...(request.appTransaction === undefined ? {} : { appTransaction: request.appTransaction }),
    written: files,
    rows,
  };
}

/** A query that reads the table which it changes sees the version that the change follows. */
function ofVersion(source: StatementQuery, { snapshot, table }: DeltaTarget): StatementQuery {
  const own = new Map([[table.key, deltaTableSnapshot(snapshot, table.key)]]);
  return { ...source, tables: new Map([...own, ...(source.tables ?? [])]) };
}

/** Identity columns that the source gives no values. */
function usedIdentities({ snapshot, rules }: DeltaTarget, columns: readonly ColumnSource[]) {
  return rules.identities.filter(({ column }) => {
    const index = snapshot.schema.findIndex(({ name }) => name === column);
    return columns[index]?.kind === 'default';
  });
}

/** What fills each column of the table. @throws SkeinError 42601, 42703, 42701, 428C9 as the names do not fit */
function columnSources(
  target: DeltaTarget,
  bound: Schema,
  { columns, matchBy, defaults }: RowsToInsert,
): readonly ColumnSource[] {
  const { snapshot, table, rules } = target;
  const { schema } = snapshot;
  if (columns === 'none') return schema.map(() => ({ kind: 'default' }));
  const named =
    matchBy === 'name'
      ? bound.map(({ name }) => columnPosition(schema, { name, offset: 0 }, table.key))
      : columnsByPosition(target, bound.length, columns);
  if (named.length !== bound.length) {
    throw new SkeinError(
      SqlState.syntaxError,
      `the table ${table.key} takes ${named.length} values here, but ${bound.length} are given`,
      { hint: `its columns are ${schema.map(({ name }) => name).join(', ')}` },
    );
  }
  if (new Set(named).size < named.length) {
    throw new SkeinError(SqlState.duplicateColumn, 'a column is named twice');
  }
  return schema.map(({ name }, index): ColumnSource => {
    const position = named.indexOf(index);
    if (position < 0 || defaults.has(position)) return { kind: 'default' };
    const identity = rules.identities.find((rule) => rule.column === name);
    if (identity !== undefined && !identity.allowExplicitInsert) {
      throw new SkeinError(
        SqlState.generatedAlways,
        `the column ${name} takes no values: it is an identity`,
        {
          hint: 'Name the other columns: INSERT INTO t (a, b) ...',
        },
      );
    }
    return { kind: 'given', position };
  });
}
