import type { Column, FileScan, Split } from '../rpc/index.ts';
import {
  formatType,
  fromWireSql,
  parseType,
  quoteIdentifier,
  quoteLiteral,
  wireType,
} from '../types/index.ts';
import { emptyRelation, escapeGlob, placeholderColumn, rowRanges } from './relation-sql.ts';

/**
 * SQL of the rows of earlier stages: files with columns c0, c1 ... of wire types, restored to the input's types.
 * @param paths verified Parquet files in the order of the rows; none gives an empty relation
 */
export function exchangeRelation(columns: readonly Column[], paths: readonly string[]): string {
  if (columns.length === 0 && paths.length === 0) return emptyRelation(columns);
  const items = columns.map(
    (column, index) =>
      `${fromWireSql(`c${index}`, parseType(column.type))} AS ${quoteIdentifier(column.name)}`,
  );
  if (items.length === 0) items.push(placeholderColumn);
  const source =
    paths.length === 0
      ? noWireRows(columns)
      : `read_parquet(${list(paths.map(quoteLiteral))}, hive_partitioning = false)`;
  return `SELECT ${items.join(', ')} FROM ${source}`;
}

/** What a file without rows would hold. SQL can spell every wire type, but not every type: STRUCT(INTEGER, DATE). */
function noWireRows(columns: readonly Column[]): string {
  const items = columns.map(({ type }, index) => {
    const wire = wireType(parseType(type));
    return `CAST(NULL AS ${wire === 'unsupported' ? type : formatType(wire)}) AS c${index}`;
  });
  return `(SELECT ${items.join(', ')} WHERE false)`;
}

/** SQL of a task's share of a table's rows. */
export function scanRelation(columns: readonly Column[], scan: FileScan): string {
  // A cast to the type that a column has anyway costs nothing, and any other is what the plan was made for.
  const items = columns.map(
    ({ name, type }) => `CAST(${quoteIdentifier(name)} AS ${type}) AS ${quoteIdentifier(name)}`,
  );
  const select = `SELECT ${items.length === 0 ? `true AS ${placeholderColumn}` : items.join(', ')}`;
  const sources = [
    ...wholeFiles(scan.splits).map((paths) => reader(scan, paths, false)),
    ...rowRanges(scan.splits).map(
      ({ path, first, last }) =>
        `${reader(scan, [path], true)} WHERE file_row_number BETWEEN ${first} AND ${last}`,
    ),
  ];
  if (sources.length === 0) return emptyRelation(columns);
  return sources.map((source) => `${select} FROM ${source}`).join('\nUNION ALL ');
}

/** Files that are read whole go to one reader, in their order. */
function wholeFiles(splits: readonly Split[]): readonly (readonly string[])[] {
  const paths = splits.flatMap((split) => (split.rowCount === undefined ? [split.path] : []));
  return paths.length === 0 ? [] : [paths];
}

function reader(scan: FileScan, paths: readonly string[], rowNumbers: boolean): string {
  const options: Record<string, string> = {
    ...formatOptions(scan),
    ...scan.options,
    ...hiveOptions(scan.hiveColumns),
    ...(rowNumbers ? { file_row_number: 'true' } : {}),
  };
  const parameters = Object.entries(options).map(([name, value]) => `, ${name} = ${value}`);
  return `${readerName(scan.format)}(${list(paths.map((path) => quoteLiteral(escapeGlob(path))))}${parameters.join('')})`;
}

function readerName(format: string): string {
  return format === 'csv' ? 'read_csv' : format === 'json' ? 'read_json' : 'read_parquet';
}

function formatOptions(scan: FileScan): Record<string, string> {
  if (scan.format === 'parquet') return {};
  return {
    ...(scan.format === 'csv' ? { auto_detect: 'false' } : {}),
    ...(scan.fileColumns.length === 0 ? {} : { columns: typesByName(scan.fileColumns) }),
  };
}

/** Left to itself, DuckDB takes any `key=value` folder for a column. */
function hiveOptions(hiveColumns: readonly Column[]): Record<string, string> {
  if (hiveColumns.length === 0) return { hive_partitioning: 'false' };
  const types = hiveColumns.map((column) => `${quoteLiteral(column.name)}: ${column.type}`);
  return {
    hive_partitioning: 'true',
    hive_types_autocast: 'false',
    hive_types: `{${types.join(', ')}}`,
  };
}

function typesByName(columns: readonly Column[]): string {
  return `{${columns.map((column) => `${quoteLiteral(column.name)}: ${quoteLiteral(column.type)}`).join(', ')}}`;
}

function list(items: readonly string[]): string {
  return `[${items.join(', ')}]`;
}
