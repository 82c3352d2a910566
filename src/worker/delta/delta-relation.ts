import {
  type Column,
  type DeltaColumn,
  type DeltaFile,
  type DeltaScan,
  malformed,
  type Split,
} from '../../rpc/index.ts';
import { partitionValueSql } from '../../storage/index.ts';
import { formatType, parseType, quoteIdentifier, quoteLiteral } from '../../types/index.ts';
import { emptyRelation, escapeGlob, placeholderColumn, rowRanges } from '../relation-sql.ts';
import { chooseByNumber } from './deletion-bits.ts';
import { isVoid, restored, storedType } from './stored-column.ts';

/** A data file as it is to be read. */
export interface DeltaSource {
  readonly file: DeltaFile;
  /** Where its bytes lie on this machine. */
  readonly localPath: string;
  /** SQL that is true for rows that are not deleted, over `rowNumber`; undefined: all are kept. */
  readonly kept: string | undefined;
}

/** SQL of a row's place in its file, for `DeltaSource.kept`. */
export const rowNumber = 'f.file_row_number';
const fileIndex = 'f.file_index';

/**
 * SQL of a task's share of a Delta table's rows. Columns that a file does not have are NULL in it.
 * @param sources by `DeltaFile.path`
 */
export function deltaRelation(
  columns: readonly Column[],
  scan: DeltaScan,
  splits: readonly Split[],
  sources: ReadonlyMap<string, DeltaSource>,
): string {
  const find = (path: string): DeltaSource => {
    const source = sources.get(path);
    if (source === undefined) throw malformed(`a split of a file that the scan does not describe: ${path}`);
    return source;
  };
  const whole = splits.flatMap((split) => (split.rowCount === undefined ? [find(split.path)] : []));
  // A filter on deleted rows would cost the others something.
  const groups = [
    whole.filter(({ kept }) => kept === undefined),
    whole.filter(({ kept }) => kept !== undefined),
  ];
  const selects = [
    ...groups.flatMap((group) => (group.length === 0 ? [] : [select(columns, scan, group)])),
    ...rowRanges(splits).map(({ path, first, last }) =>
      select(columns, scan, [find(path)], `${rowNumber} BETWEEN ${first} AND ${last}`),
    ),
  ];
  return selects.length === 0 ? emptyRelation(columns) : selects.join('\nUNION ALL ');
}

function select(
  columns: readonly Column[],
  scan: DeltaScan,
  sources: readonly DeltaSource[],
  range?: string,
): string {
  const items = columns.map((column, index) => {
    const value = columnValue(column, scan.columns[index], index, sources);
    return `${value} AS ${quoteIdentifier(column.name)}`;
  });
  const kept = sources.some((source) => source.kept !== undefined)
    ? [
        chooseByNumber(
          fileIndex,
          sources.map((source) => source.kept ?? 'true'),
        ),
      ]
    : [];
  const where = [...(range === undefined ? [] : [range]), ...kept];
  return [
    `SELECT ${items.length === 0 ? `true AS ${placeholderColumn}` : items.join(', ')} FROM ${reader(scan, sources)} AS f`,
    ...(where.length === 0 ? [] : [`WHERE ${where.join(' AND ')}`]),
  ].join(' ');
}

function columnValue(
  column: Column,
  source: DeltaColumn | undefined,
  index: number,
  sources: readonly DeltaSource[],
): string {
  const type = parseType(column.type);
  switch (source?.source.case) {
    case 'data': {
      const stored = storedType(source.source.value);
      return isVoid(stored) ? `CAST(NULL AS ${column.type})` : restored(`f.c${index}`, stored, type);
    }
    case 'partition': {
      const place = source.source.value;
      const values = sources.map(({ file }) => partitionValueSql(file.partitionValues[place]?.value, type));
      return chooseByNumber(fileIndex, values);
    }
    case 'hidden': {
      const place = changeTypePlace(source);
      if (place === undefined) return hiddenValue(source.source.value, sources);
      const values = sources.map(({ file }) => partitionValueSql(file.partitionValues[place]?.value, type));
      return `coalesce(f.c${index}, ${chooseByNumber(fileIndex, values)})`;
    }
    case undefined:
      throw malformed(`no source for the column ${column.name}`);
  }
}

/** Of a column that says how rows changed: the place of the partition value of files that do not say it themselves. */
export function changeTypePlace({ source }: DeltaColumn): number | undefined {
  const [, place] = /^changeType:(\d+)$/.exec(source.case === 'hidden' ? source.value : '') ?? [];
  return place === undefined ? undefined : Number(place);
}

function hiddenValue(hidden: string, sources: readonly DeltaSource[]): string {
  if (hidden === 'row') return rowNumber;
  if (hidden !== 'file') throw malformed(`no such hidden column: ${hidden}`);
  return chooseByNumber(
    fileIndex,
    sources.map(({ file }) => quoteLiteral(file.logPath)),
  );
}

/** Columns of the files are c0, c1 ... by their place among the scan's, so that no name of the table's meets DuckDB's. */
function reader(scan: DeltaScan, sources: readonly DeltaSource[]): string {
  const paths = sources.map(({ localPath }) => quoteLiteral(escapeGlob(localPath)));
  const data = scan.columns.flatMap(({ source }, index) =>
    source.case === 'data' && !isVoid(storedType(source.value)) ? [{ field: source.value, index }] : [],
  );
  const changeType = scan.columns.findIndex((column) => changeTypePlace(column) !== undefined);
  const byId = data.every(({ field }) => field.fieldId !== undefined);
  const entries = data.map(({ field, index }) => {
    const key = byId ? String(field.fieldId) : quoteLiteral(field.name);
    return `${key}: {name: 'c${index}', type: ${quoteLiteral(formatType(storedType(field)))}, default_value: NULL}`;
  });
  if (changeType >= 0) {
    entries.push(`'_change_type': {name: 'c${changeType}', type: 'VARCHAR', default_value: NULL}`);
  }
  // Without a schema of ours, DuckDB takes the first file's and looks for it in the others.
  if (entries.length === 0) entries.push("'_skein_none': {name: 'c', type: 'BOOLEAN', default_value: NULL}");
  const options = [
    `schema = MAP {${entries.join(', ')}}`,
    'hive_partitioning = false',
    ...cardinality(sources),
  ];
  return `read_parquet([${paths.join(', ')}], ${options.join(', ')})`;
}

/**
 * With a schema of ours DuckDB does not count the files' rows, takes them for a few hundred, and makes them the side of a
 * join that is hashed.
 */
function cardinality(sources: readonly DeltaSource[]): readonly string[] {
  let rows = 0n;
  for (const { file } of sources) {
    if (file.rows === undefined) return [];
    rows += file.rows;
  }
  return [`explicit_cardinality = ${rows}`];
}
