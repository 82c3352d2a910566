import { SkeinError, SqlState } from '../../common/index.ts';
import { type InsertStatement, type Name, tableNames } from '../../sql/index.ts';
import {
  append,
  type DeltaAction,
  fieldsToSchemaString,
  nextIdentities,
  overwrite,
  toAddAction,
  withIdentity,
} from '../../storage/index.ts';
import type { Schema } from '../../types/index.ts';
import { changeTable, type TableChange } from './commit-change.ts';
import { columnPosition, type DeltaTarget, openTarget } from './delta-target.ts';
import { deltaWrite, shardSql } from './delta-write.ts';
import { countResult } from './results.ts';
import type { StatementContext, StatementQuery, StatementResult } from './statement-context.ts';
import { type ColumnSource, tableRows } from './table-rows.ts';

/** INSERT INTO and INSERT OVERWRITE. */
export async function insert(
  statement: InsertStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const target = await openTarget(statement.table, context);
  const source = insertSource(statement);
  const columns = statement.source.kind === 'defaults' ? 'none' : statement.columns;
  const rows = await changeTable(target, context, (current) =>
    insertRows(current, context, {
      source,
      columns,
      matchBy: statement.matchBy,
      overwrite: statement.overwrite,
      defaults: statement.source.kind === 'values' ? defaultCells(statement.source.rows) : new Set(),
    }),
  );
  return countResult(rows);
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
  const { snapshot, rules } = target;
  const bound = await context.bindColumns(request.source);
  const columns = columnSources(target, bound, request);
  const sql = tableRows({
    source: request.source.sql,
    sourceColumns: bound.length,
    target: snapshot,
    rules,
    columns,
    shard: shardSql(snapshot),
  });
  const query: StatementQuery = { ...request.source, sql, offset: undefined };
  const { files, rows, bytes } = await context.runWrite({ query, write: () => deltaWrite(snapshot) });
  const nowMs = context.clock.now();
  const adds = files.map((file) => toAddAction(file, { nowMs, dataChange: true }));
  const readsItself = tableNames(request.source.sql).has(target.table.name.toLowerCase());
  return {
    actions: [
      ...identityActions(target, columns, rows),
      ...(request.overwrite ? overwrite(snapshot, adds, nowMs) : append(adds)),
    ],
    reads: request.overwrite || readsItself ? { kind: 'wholeTable' } : { kind: 'nothing' },
    operation: 'WRITE',
    parameters: { mode: request.overwrite ? 'Overwrite' : 'Append' },
    metrics: {
      numFiles: String(files.length),
      numOutputRows: String(rows),
      numOutputBytes: String(bytes),
    },
    ...(request.appTransaction === undefined ? {} : { appTransaction: request.appTransaction }),
    written: files,
    rows,
  };
}

/** Remembers which identities were given out. */
function identityActions(
  { snapshot, rules }: DeltaTarget,
  columns: readonly ColumnSource[],
  rows: number,
): readonly DeltaAction[] {
  if (rows === 0) return [];
  const used = rules.identities.filter(({ column }) => {
    const index = snapshot.schema.findIndex(({ name }) => name === column);
    return columns[index]?.kind === 'default';
  });
  if (used.length === 0) return [];
  const fields = snapshot.fields.map((field) => {
    const identity = used.find(({ column }) => column === field.name);
    if (identity === undefined) return field;
    return withIdentity(field, { ...identity, highWaterMark: nextIdentities(identity, rows).last });
  });
  return [{ metaData: { ...snapshot.metadata, schemaString: fieldsToSchemaString(fields) } }];
}

function insertSource({ source, with: ctes }: InsertStatement): StatementQuery {
  switch (source.kind) {
    case 'query':
      return ctes === undefined
        ? source.query
        : { sql: `${ctes.sql} ${source.query.sql}`, offset: undefined };
    case 'values': {
      const hasDefault = source.rows.some((row) => row.some(({ kind }) => kind === 'default'));
      if (!hasDefault && ctes === undefined) return source.query;
      const rows = source.rows.map((row) => {
        const cells = row.map((cell) => (cell.kind === 'default' ? 'NULL' : cell.expression.sql));
        return `(${cells.join(', ')})`;
      });
      return { sql: `${ctes?.sql ?? ''} VALUES ${rows.join(', ')}`, offset: undefined };
    }
    case 'defaults':
      return { sql: 'SELECT NULL', offset: undefined };
  }
}

/** @throws SkeinError 0A000 where DEFAULT stands beside values in one column */
function defaultCells(
  rows: readonly (readonly { readonly kind: string; readonly offset?: number }[])[],
): ReadonlySet<number> {
  const defaults = new Set<number>();
  const [first = []] = rows;
  first.forEach((_, position) => {
    const cells = rows.map((row) => row[position]);
    const found = cells.filter((cell) => cell?.kind === 'default');
    if (found.length === 0) return;
    if (found.length < cells.length) {
      throw new SkeinError(
        SqlState.featureNotSupported,
        'DEFAULT must stand in every row of VALUES or in none, column by column',
        found[0]?.offset === undefined ? {} : { position: found[0].offset },
      );
    }
    defaults.add(position);
  });
  return defaults;
}

/** What fills each column of the table. @throws SkeinError 42601, 42703, 42701, 428C9 as the names do not fit */
function columnSources(
  { snapshot, table, rules }: DeltaTarget,
  bound: Schema,
  { columns, matchBy, defaults }: RowsToInsert,
): readonly ColumnSource[] {
  const { schema } = snapshot;
  if (columns === 'none') return schema.map(() => ({ kind: 'default' }));
  const named =
    matchBy === 'name'
      ? bound.map(({ name }) => columnPosition(schema, { name, offset: 0 }, table.key))
      : columns.length > 0
        ? columns.map((column) => columnPosition(schema, column, table.key))
        : givenByPosition(schema, bound, rules);
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

/** Without names a query gives all columns, or all but those that fill themselves. */
function givenByPosition(schema: Schema, bound: Schema, rules: DeltaTarget['rules']): readonly number[] {
  const all = schema.map((_, index) => index);
  if (bound.length === schema.length) return all;
  const automatic = new Set([...rules.generated, ...rules.identities].map(({ column }) => column));
  const plain = all.filter((index) => !automatic.has(schema[index]?.name ?? ''));
  return bound.length === plain.length ? plain : all;
}
