import { SkeinError, SqlState } from '../../common/index.ts';
import type {
  CommentStatement,
  CreateSchemaStatement,
  CreateViewStatement,
  DropStatement,
  RenameStatement,
} from '../../sql/index.ts';
import { deleteTableFiles } from './delete-table-files.ts';
import { atName, qualifyName } from './qualify-name.ts';
import { noRows } from './results.ts';
import type { StatementContext, StatementResult } from './statement-context.ts';

export async function createSchema(
  { schema, ifExists, comment }: CreateSchemaStatement,
  { catalog, signal }: StatementContext,
): Promise<StatementResult> {
  try {
    await atName(schema, catalog.names.createSchema(schema.name, comment?.text, signal));
  } catch (error) {
    if (ifExists !== 'keep' || !isState(error, SqlState.duplicateSchema)) throw error;
  }
  return noRows;
}

export async function createView(
  { view, ifExists, columns, query, comment }: CreateViewStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const { catalog, signal } = context;
  const name = qualifyName(view, context.schema);
  const found = await catalog.names.find(name, signal);
  if (found !== undefined && ifExists === 'keep') return noRows;
  const bound = await context.bindColumns(query);
  const [surplus] = columns.slice(bound.length);
  if (surplus !== undefined) {
    throw new SkeinError(
      SqlState.syntaxError,
      `the query has ${bound.length} columns, fewer than are named`,
      {
        position: surplus.offset,
      },
    );
  }
  const names = bound.map((column, index) => columns[index]?.name ?? column.name);
  requireDistinct(names, view.offset);
  const entry = {
    ...name,
    schema: await atName(view, catalog.names.requireSchema(name.schema, signal)),
    sql: query.sql,
    aliases: columns.map((column) => column.name),
    columns: names,
    searchSchema: context.schema,
  };
  await atName(view, catalog.names.createView(entry, ifExists === 'replace', signal));
  if (comment !== undefined) await catalog.names.setComment(name, undefined, comment.text, signal);
  return noRows;
}

/** @throws SkeinError 42701 naming the first name that is there twice, in any case */
export function requireDistinct(names: readonly string[], position: number): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name.toLowerCase())) {
      throw new SkeinError(SqlState.duplicateColumn, `the column ${name} is there twice`, { position });
    }
    seen.add(name.toLowerCase());
  }
}

export async function drop(
  { object, name, ifExists, cascade }: DropStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const { catalog, signal } = context;
  try {
    switch (object) {
      case 'schema': {
        const gone = await atName(name, catalog.names.dropSchema(name.name, cascade, signal));
        for (const table of gone) await deleteTableFiles(table, context);
        return noRows;
      }
      case 'view':
        await atName(name, catalog.names.dropView(qualifyName(name, context.schema), signal));
        return noRows;
      case 'table': {
        const gone = await atName(name, catalog.names.dropTable(qualifyName(name, context.schema), signal));
        await deleteTableFiles(gone, context);
        return noRows;
      }
    }
  } catch (error) {
    const missing = isState(error, SqlState.undefinedTable) || isState(error, SqlState.undefinedSchema);
    if (!ifExists || !missing) throw error;
    return noRows;
  }
}

export async function rename(
  { object, name, to, ifExists }: RenameStatement,
  { catalog: { names }, schema, signal }: StatementContext,
): Promise<StatementResult> {
  try {
    switch (object) {
      case 'schema':
        await atName(name, names.renameSchema(name.name, to.name, signal));
        return noRows;
      case 'view':
        await atName(name, names.renameView(qualifyName(name, schema), to.name, signal));
        return noRows;
      case 'table':
        await atName(name, names.renameTable(qualifyName(name, schema), to.name, signal));
        return noRows;
    }
  } catch (error) {
    if (!ifExists || !isState(error, SqlState.undefinedTable)) throw error;
    return noRows;
  }
}

export async function comment(
  { on, name, column, text }: CommentStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const { catalog, schema, signal } = context;
  if (on === 'schema') {
    await atName(name, catalog.names.setComment({ schema: name.name }, undefined, text?.text, signal));
    return noRows;
  }
  const target = qualifyName(name, schema);
  const found = await catalog.names.find(target, signal);
  if (found === undefined || (on === 'view' && found.kind !== 'view')) {
    throw new SkeinError(
      SqlState.undefinedTable,
      `there is no ${on === 'view' ? 'view' : 'table'} ${name.name}`,
      {
        position: name.offset,
      },
    );
  }
  let columnName: string | undefined;
  if (column !== undefined) {
    const names =
      found.kind === 'view'
        ? found.entry.columns
        : ((await context.snapshot()).tables.get(found.table.key)?.schema.map((each) => each.name) ?? []);
    columnName = names.find((each) => each.toLowerCase() === column.name.toLowerCase());
    if (columnName === undefined) {
      throw new SkeinError(SqlState.undefinedColumn, `${name.name} has no column ${column.name}`, {
        position: column.offset,
      });
    }
  }
  await atName(name, catalog.names.setComment(target, columnName, text?.text, signal));
  return noRows;
}

function isState(error: unknown, sqlState: string): boolean {
  return error instanceof SkeinError && error.sqlState === sqlState;
}
