import { stat } from 'node:fs/promises';
import type { FoundFile, FoundFiles } from '../../catalog/index.ts';
import { SkeinError, SqlState } from '../../common/index.ts';
import { columnsLiteral } from '../../duckdb/index.ts';
import type { Name } from '../../sql/index.ts';
import type { TableSnapshot } from '../../storage/index.ts';
import { quoteIdentifier, type Schema, type SqlType, scalar } from '../../types/index.ts';
import type { FileKind } from './copy-options.ts';
import type { DeltaTarget } from './delta-target.ts';
import type { RowsToInsert } from './insert.ts';
import type { StatementContext, StatementQuery } from './statement-context.ts';

/** Files whose rows become a table's. */
export interface LoadedFiles {
  readonly kind: FileKind;
  readonly found: FoundFiles;
  /** They are on this node's disk alone. */
  readonly here: boolean;
  /** Of DuckDB's reader, as SQL literals. */
  readonly options: Readonly<Record<string, string>>;
}

const relation = 'skein_statement.files';

/** Finds files by their locations. @throws SkeinError as `CatalogFiles.find` */
export async function findFiles(
  locations: readonly string[],
  context: StatementContext,
): Promise<Pick<LoadedFiles, 'found' | 'here'>> {
  const all: FoundFiles[] = [];
  for (const location of locations) all.push(await context.catalog.files.find(location, context.signal));
  const [first] = all;
  const partitionKeys = all.every(
    ({ partitionKeys: keys }) => keys.join('/') === first?.partitionKeys.join('/'),
  )
    ? (first?.partitionKeys ?? [])
    : [];
  const files = all.flatMap((found) => found.files);
  return { found: { files, partitionKeys }, here: false };
}

/** A file on this node's disk. */
export async function foundFile(path: string): Promise<FoundFile> {
  const { size, mtimeMs } = await stat(path);
  return { path, bytes: size, modifiedMs: mtimeMs, etag: `${size}-${mtimeMs}` };
}

/**
 * Where the columns of files go.
 * - `position`: in order, to the named columns or to all.
 * - `name`: to the columns of their names; with names, only these.
 * - `header`: by name where the files have names, else by position.
 */
export type FileColumns = {
  readonly match: 'position' | 'name' | 'header';
  readonly columns: readonly Name[];
};

/** Files as the rows of an INSERT into a table: text is read as the types that the table's columns have. */
export async function fileRows(
  { snapshot }: DeltaTarget,
  files: LoadedFiles,
  { match, columns }: FileColumns,
  context: StatementContext,
): Promise<Pick<RowsToInsert, 'source' | 'columns' | 'matchBy'>> {
  const table = await inspect(files, context);
  const byName = match === 'name' || (match === 'header' && hasNames(table));
  const fileColumns = columnsOfFiles(table);
  const targetOf = (name: string, index: number): Schema[number] | undefined => {
    const wanted = byName
      ? name
      : (columns[index]?.name ?? (columns.length > 0 ? undefined : snapshot.schema[index]?.name));
    return snapshot.schema.find((column) => column.name.toLowerCase() === wanted?.toLowerCase());
  };
  const types = new Map(
    fileColumns.flatMap(({ name }, index) => {
      const type = targetOf(name, index)?.type;
      return type === undefined ? [] : [[name, type] as const];
    }),
  );
  const typed = withTypes(table, types);
  const chosen =
    byName && columns.length > 0
      ? columns.map(({ name }) => columnNamed(typed, name))
      : typed.schema.map(({ name }) => name);
  return {
    source: filesQuery(typed, chosen, files.here),
    columns: byName ? [] : columns,
    matchBy: byName ? 'name' : 'position',
  };
}

/** Files as a query whose columns are as DuckDB finds them. */
export async function filesAsQuery(
  files: LoadedFiles,
  context: StatementContext,
): Promise<StatementQuery & { readonly offset: number }> {
  const table = await open(files, files.options, context);
  return {
    ...filesQuery(
      table,
      table.schema.map(({ name }) => name),
      files.here,
    ),
    offset: 0,
  };
}

function filesQuery(table: TableSnapshot, columns: readonly string[], here: boolean): StatementQuery {
  return {
    sql: `SELECT ${columns.map(quoteIdentifier).join(', ')} FROM ${relation}`,
    offset: undefined,
    tables: new Map([[relation, table]]),
    here,
  };
}

/** Of JSON all names are looked for, and no types: the table has some. */
async function inspect(files: LoadedFiles, context: StatementContext): Promise<TableSnapshot> {
  if (files.kind !== 'json') return await open(files, files.options, context);
  const looking = { ...files.options, maximum_depth: '1', sample_size: '-1' };
  const table = await open(files, looking, context);
  if (table.format.kind === 'delta') return table;
  const { maximum_depth: _depth, sample_size: _size, ...options } = table.format.options;
  // What the user says of the layout goes before what any reader can find out.
  return { ...table, format: { ...table.format, options: { ...options, ...files.options } } };
}

async function open(
  { kind, found }: LoadedFiles,
  options: Readonly<Record<string, string>>,
  { catalog, signal }: StatementContext,
): Promise<TableSnapshot> {
  return await catalog.files.open(relation, kind, found, options, signal);
}

function hasNames({ format }: TableSnapshot): boolean {
  return format.kind !== 'csv' || format.options.header === 'true';
}

function columnsOfFiles({ schema, format }: TableSnapshot): Schema {
  if (format.kind === 'delta') return schema;
  const hive = format.hive?.columns ?? [];
  return schema.filter(({ name }) => !hive.some((column) => column.name === name));
}

/** What text is read as. JSON has no bytes: these are text until they are cast. */
function withTypes(table: TableSnapshot, types: ReadonlyMap<string, SqlType>): TableSnapshot {
  const { format } = table;
  if (format.kind !== 'csv' && format.kind !== 'json') return table;
  const isText = new Set(columnsOfFiles(table).map(({ name }) => name));
  const schema = table.schema.map((column) => {
    const type = isText.has(column.name) ? types.get(column.name) : undefined;
    if (type === undefined) return column;
    const isBytes = type.kind === 'scalar' && type.name === 'BLOB';
    return { ...column, type: isBytes ? scalar('VARCHAR') : type };
  });
  const columns = columnsLiteral(schema.filter(({ name }) => isText.has(name)));
  return { ...table, schema, format: { ...format, options: { ...format.options, columns } } };
}

function columnNamed({ schema }: TableSnapshot, name: string): string {
  const found = schema.find((column) => column.name.toLowerCase() === name.toLowerCase());
  if (found !== undefined) return found.name;
  throw new SkeinError(SqlState.undefinedColumn, `the files have no column ${name}`, {
    hint: `their columns are ${schema.map((column) => column.name).join(', ')}`,
  });
}
