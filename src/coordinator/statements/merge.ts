import { SkeinError, SqlState } from '../../common/index.ts';
import type { Assignment, Cell, MergeClause, MergeStatement, Name, Span } from '../../sql/index.ts';
import { quoteIdentifier, type Schema } from '../../types/index.ts';
import { changeTableRows } from './change-rows.ts';
import { columnPosition, type DeltaTarget, openTarget } from './delta-target.ts';
import type { NewValues, RowClause } from './merge-rows-sql.ts';
import { changeAndAnswer } from './returning.ts';
import type { StatementContext, StatementResult } from './statement-context.ts';

/** MERGE INTO. */
export async function merge(statement: MergeStatement, context: StatementContext): Promise<StatementResult> {
  const target = await openTarget(statement.table, context);
  const { relation, alias, columns } = statement.source;
  const sourceAlias = quoteIdentifier(alias?.name ?? lastName(relation.sql));
  const names =
    columns.length === 0 ? '' : `(${columns.map(({ name }) => quoteIdentifier(name)).join(', ')})`;
  const source = `${relation.sql} AS ${sourceAlias}${names}`;
  const returning =
    statement.returning === undefined
      ? undefined
      : {
          items: statement.returning,
          alias: statement.alias?.name ?? target.table.name,
          withAction: true,
        };
  return await changeAndAnswer(target, context, returning, async (current) => {
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
    return changeTableRows(current, context, {
      alias: statement.alias?.name,
      ctes: statement.with?.sql,
      source,
      on: condition,
      clauses: statement.clauses.map((clause) => rowClause(clause, current, sourceColumns, sourceAlias)),
      operation: 'MERGE',
      severalMatches: onlyDeletes(statement.clauses) ? 'allowed' : 'refused',
      spans: spansOf(statement),
      returning,
    });
  });
}

/** Then it makes no difference by how many rows of the source a row is deleted. */
function onlyDeletes(clauses: readonly MergeClause[]): boolean {
  const matched = clauses.filter(({ when }) => when === 'matched');
  return matched.every(({ condition, action }) => condition === undefined && action.kind === 'delete');
}

function spansOf({ with: ctes, source, on, clauses }: MergeStatement): readonly Span[] {
  return [
    ...(ctes === undefined ? [] : [ctes]),
    source.relation,
    ...(on.kind === 'on' ? [on.condition] : []),
    ...clauses.flatMap(({ condition, action }) => [
      ...(condition === undefined ? [] : [condition]),
      ...(action.kind === 'update' ? expressionsOf(action.assignments.map(({ value }) => value)) : []),
      ...(action.kind === 'insert' ? expressionsOf(action.values) : []),
    ]),
  ];
}

/** The user's text of values. */
export function expressionsOf(cells: readonly Cell[]): readonly Span[] {
  return cells.flatMap((cell) => (cell.kind === 'expression' ? [cell.expression] : []));
}

/** An unaliased source is named by the table's own name. */
function lastName(relation: string): string {
  const match = /(?:"((?:[^"]|"")+)"|([\p{L}_][\p{L}\p{N}_$]*))\s*$/u.exec(relation);
  return match?.[1]?.replaceAll('""', '"') ?? match?.[2] ?? 'source';
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
