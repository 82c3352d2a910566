import { SkeinError, SqlState } from '../common/index.ts';
import {
  type Column,
  type ColumnStatistics,
  formatType,
  quoteIdentifier,
  quoteLiteral,
  type Schema,
  type SqlValue,
} from '../types/index.ts';
import type { DuckDbConnection } from './duckdb-connection.ts';
import { readStatistics } from './read-statistics.ts';

/** How the files of one table are read, and what they hold. */
export interface InspectedFiles {
  readonly schema: Schema;
  readonly format: {
    readonly kind: 'parquet' | 'csv' | 'json';
    /** Reader parameters as DuckDB SQL literals. */
    readonly options: Readonly<Record<string, string>>;
    readonly hive: { readonly columns: Schema } | undefined;
  };
  /** Exact for Parquet, estimated for text. */
  readonly rowCount: number;
  /** Rows of each row group in order, by path (Parquet only). */
  readonly rowGroups: ReadonlyMap<string, readonly number[]>;
  /** One a column of the schema (Parquet only). */
  readonly statistics: readonly (ColumnStatistics | undefined)[] | undefined;
}

/**
 * Decides once how a table's files are read: column names and types as DuckDB finds them over all files, the CSV
 * dialect, the partition columns. Whoever reads a part of the files later passes these and gets the same columns.
 * @param given parameters of the reader that are known already, as SQL literals
 * @throws SkeinError naming a file that cannot be opened
 */
export async function inspectFiles(
  connection: DuckDbConnection,
  kind: 'parquet' | 'csv' | 'json',
  files: readonly { readonly path: string; readonly bytes: number }[],
  partitionKeys: readonly string[],
  signal: AbortSignal,
  given: Readonly<Record<string, string>> = {},
): Promise<InspectedFiles> {
  const list = `[${files.map((file) => quoteLiteral(file.path)).join(', ')}]`;
  const known = Object.entries(given).map(([name, value]) => `, ${name} = ${value}`);
  const hive = `hive_partitioning = ${partitionKeys.length > 0}${known.join('')}`;
  const reader = { parquet: 'read_parquet', csv: 'read_csv', json: 'read_json' }[kind];
  const { schema, batches } = await connection.stream(
    `SELECT * FROM ${reader}(${list}, ${hive}) LIMIT 0`,
    signal,
  );
  for await (const _ of batches);
  const hiveColumns = schema.filter((column) => partitionKeys.includes(column.name));
  const fileColumns = schema.filter((column) => !hiveColumns.includes(column));
  const partitioning = hiveColumns.length > 0 ? { columns: hiveColumns } : undefined;
  if (kind === 'parquet') {
    const rowGroups = await readRowGroups(connection, list, signal);
    await checkSameColumns(connection, list, signal);
    const rowCount = [...rowGroups.values()].flat().reduce((sum, rows) => sum + rows, 0);
    const statistics = await readStatistics(connection, list, schema, rowCount, signal);
    return { schema, format: { kind, options: {}, hive: partitioning }, rowCount, rowGroups, statistics };
  }
  const options =
    kind === 'csv'
      ? await sniffCsv(
          connection,
          files.map(({ path }) => path),
          fileColumns,
          given,
          signal,
        )
      : { ...given, ...jsonOptions(fileColumns) };
  return {
    schema,
    format: { kind, options, hive: partitioning },
    rowCount: estimateRows(files, fileColumns.length),
    rowGroups: new Map(),
    statistics: undefined,
  };
}

async function readRowGroups(
  connection: DuckDbConnection,
  list: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const rows = await connection.rows(
    `SELECT file_name, row_group_num_rows FROM parquet_metadata(${list}) WHERE column_id = 0
     ORDER BY file_name, row_group_id`,
    signal,
  );
  const groups = new Map<string, number[]>();
  for (const [path, count] of rows) {
    const known = groups.get(String(path));
    if (known === undefined) groups.set(String(path), [Number(count)]);
    else known.push(Number(count));
  }
  return groups;
}

/** A file without a column that another one has would fail or not by which files a task happens to read. */
async function checkSameColumns(
  connection: DuckDbConnection,
  list: string,
  signal: AbortSignal,
): Promise<void> {
  const rows = await connection.rows(
    `SELECT columns, min(file_name) AS example FROM (
       SELECT file_name, list_sort(list(name)) AS columns FROM parquet_schema(${list})
       WHERE num_children IS NULL GROUP BY file_name)
     GROUP BY columns ORDER BY count(*) DESC, example LIMIT 2`,
    signal,
  );
  const [most, other] = rows;
  if (most === undefined || other === undefined) return;
  const missing = difference(most[0], other[0]);
  const extra = difference(other[0], most[0]);
  throw new SkeinError(
    SqlState.datatypeMismatch,
    `the files have different columns: ${String(other[1])} ${[
      ...(missing.length > 0 ? [`lacks ${missing.join(', ')}`] : []),
      ...(extra.length > 0 ? [`has ${extra.join(', ')} besides`] : []),
    ].join(' and ')}, compared with ${String(most[1])}`,
    { hint: 'All files of one table need the same columns.' },
  );
}

function difference(a: SqlValue | undefined, b: SqlValue | undefined): readonly string[] {
  const names = (value: SqlValue | undefined): readonly string[] =>
    Array.isArray(value) ? value.map(String) : [];
  const other = new Set(names(b));
  return names(a).filter((name) => !other.has(name));
}

/** Files looked at for the table's quotes: a file without any does not tell what the others use. */
const sniffedFiles = 32;

/**
 * The dialect of the first file holds for all, with the first quote and escape that any of them uses; the types are
 * those that DuckDB found over all files.
 */
async function sniffCsv(
  connection: DuckDbConnection,
  paths: readonly string[],
  columns: Schema,
  given: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const hints = [
    'delim',
    'sep',
    'quote',
    'escape',
    'comment',
    'skip',
    'header',
    'dateformat',
    'timestampformat',
  ]
    .filter((name) => given[name] !== undefined)
    .map((name) => `, ${name} = ${given[name]}`);
  const rows: SqlValue[][] = [];
  for (const path of paths.slice(0, sniffedFiles)) {
    const [row = []] = await connection.rows(
      `SELECT "Delimiter", "Quote", "Escape", "Comment", "SkipRows", "HasHeader", "DateFormat", "TimestampFormat"
       FROM sniff_csv(${quoteLiteral(path)}${hints.join('')})`,
      signal,
    );
    rows.push([...row]);
  }
  const [[delim, , , comment, skip, header, dateFormat, timestampFormat] = []] = rows;
  const text = (value: SqlValue | undefined): string =>
    quoteLiteral(value === '(empty)' ? '' : String(value ?? ''));
  const used = (column: number): SqlValue =>
    rows.map((row) => row[column] ?? '(empty)').find((value) => value !== '(empty)') ?? '(empty)';
  const quote = used(1);
  const escaping = used(2);
  const { names: _names, types: _types, column_names: _columnNames, ...others } = given;
  return {
    ...others,
    auto_detect: 'false',
    delim: text(delim),
    quote: text(quote),
    // Nothing escaped where it was sniffed: a doubled quote, as RFC 4180 has it.
    escape: text(escaping === '(empty)' ? quote : escaping),
    comment: text(comment),
    skip: String(skip ?? 0),
    header: String(header ?? false),
    columns: columnsLiteral(columns),
    ...(typeof dateFormat === 'string' ? { dateformat: quoteLiteral(dateFormat) } : {}),
    ...(typeof timestampFormat === 'string' ? { timestampformat: quoteLiteral(timestampFormat) } : {}),
  };
}

function jsonOptions(columns: Schema): Readonly<Record<string, string>> {
  return { auto_detect: 'false', format: `'auto'`, columns: columnsLiteral(columns) };
}

/** `{'a': 'BIGINT'}`: the parameter `columns` of DuckDB's readers of text. */
export function columnsLiteral(columns: readonly Column[]): string {
  const entries = columns.map(
    (column) => `${quoteIdentifier(column.name)}: ${quoteLiteral(formatType(column.type))}`,
  );
  return `{${entries.join(', ')}}`;
}

/** About 8 bytes a value: good enough to tell large tables from small ones. */
function estimateRows(files: readonly { readonly bytes: number }[], columns: number): number {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return Math.ceil(bytes / (8 * Math.max(1, columns)));
}
