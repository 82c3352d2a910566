import type { SqlType } from '../../types/index.ts';
import type { DeltaField } from './delta-snapshot.ts';
import { storedType } from './stored-type.ts';
import { deltaProperties } from './table-properties.ts';

/** A leaf column of data files that gets statistics. */
export interface StatsColumn {
  /** Names in the data files from the top-level column on: of a struct's field more than one. */
  readonly path: readonly string[];
  /** As the data files have it. */
  readonly type: SqlType;
}

/** What `COPY ... (RETURN_STATS)` says of a column: `min`, `max`, `null_count`, `num_values`, `has_nan`, as texts. */
export type CopyColumnStats = ReadonlyMap<string, string>;

export interface FileStatsOptions {
  /** Characters of a text that are kept. */
  readonly stringPrefixLength: number;
}

/** The part of a column that is common to fields of a log and of data files. */
interface NamedField {
  readonly name: string;
  readonly type: SqlType;
  readonly children: readonly NamedField[];
}

/** All leaf columns of data files: fields of structs, none below lists and maps. */
export function leafColumns(fields: readonly NamedField[], above: readonly string[] = []): StatsColumn[] {
  return fields.flatMap(({ name, type, children }) => {
    const path = [...above, name];
    if (type.kind === 'struct') return leafColumns(children.length > 0 ? children : plainFields(type), path);
    return [{ path, type: storedType(type) ?? type }];
  });
}

/** Fields named as the type names them. */
function plainFields({ fields }: Extract<SqlType, { kind: 'struct' }>): readonly NamedField[] {
  return fields.map(({ name, type }) => ({ name, type, children: [] }));
}

/**
 * The leaf columns of a table that get statistics: those that its properties name, else the first of them from the left;
 * and those that the table is clustered by.
 * @param clustering physical paths, which always have statistics
 */
export function indexedColumns(
  fields: readonly DeltaField[],
  partitionColumns: readonly string[],
  configuration: Readonly<Record<string, string>>,
  clustering: readonly (readonly string[])[] = [],
): readonly StatsColumn[] {
  const { dataSkippingNumIndexedCols, dataSkippingStatsColumns } = deltaProperties(configuration);
  const columns = fields.filter(({ name }) => !partitionColumns.includes(name));
  const leaves = leafColumns(columns.map(byPhysicalName));
  const logical = leafColumns(columns).map(({ path }) => path.map((name) => name.toLowerCase()));
  const count = dataSkippingNumIndexedCols < 0 ? leaves.length : dataSkippingNumIndexedCols;
  const isNamed = (path: readonly string[]): boolean =>
    dataSkippingStatsColumns?.some((named) => named.every((name, at) => path[at] === name.toLowerCase())) ??
    false;
  return leaves.filter(({ path }, position) => {
    if (clustering.some((named) => named.join('\0') === path.join('\0'))) return true;
    return dataSkippingStatsColumns === undefined ? position < count : isNamed(logical[position] ?? []);
  });
}

function byPhysicalName({ physicalName, type, children }: DeltaField): NamedField {
  return { name: physicalName, type, children: children.map(byPhysicalName) };
}

/** A tree of JSON texts, as `minValues` and its like nest them. */
type StatsTree = Map<string, StatsTree | string>;

/**
 * The statistics of a data file as the log has them, from what DuckDB says of the file that it wrote. Left out is what
 * DuckDB does not say and what the log cannot spell: infinite and NaN numbers, dates BC, bytes, lists and maps.
 * @param copied by name as DuckDB quotes it: `"a"."b"`
 * @returns JSON
 * @see Delta PROTOCOL.md, Per-file Statistics
 */
export function fileStats(
  columns: readonly StatsColumn[],
  rows: number,
  copied: ReadonlyMap<string, CopyColumnStats>,
  options: FileStatsOptions = { stringPrefixLength: 32 },
): string {
  const minValues: StatsTree = new Map();
  const maxValues: StatsTree = new Map();
  const nullCount: StatsTree = new Map();
  for (const { path, type } of columns) {
    const stats = copied.get(copiedName(path));
    if (stats === undefined || type.kind === 'list' || type.kind === 'map') continue;
    put(nullCount, path, nullCountOf(stats, rows));
    put(minValues, path, bound(type, stats.get('min'), 'min', options));
    const max = stats.get('has_nan') === 'true' ? undefined : stats.get('max');
    put(maxValues, path, bound(type, max, 'max', options));
  }
  const parts = [`"numRecords":${rows}`];
  for (const [name, tree] of Object.entries({ minValues, maxValues, nullCount })) {
    parts.push(`${JSON.stringify(name)}:${treeJson(tree)}`);
  }
  return `{${parts.join(',')}}`;
}

function copiedName(path: readonly string[]): string {
  return path.map((name) => `"${name.replaceAll('"', '""')}"`).join('.');
}

/** DuckDB counts no values at all of the types for which it writes no statistics. */
function nullCountOf(stats: CopyColumnStats, rows: number): string | undefined {
  const count = stats.get('null_count');
  return count !== undefined && stats.get('num_values') === String(rows) ? count : undefined;
}

function put(tree: StatsTree, path: readonly string[], json: string | undefined): void {
  if (json === undefined) return;
  let node = tree;
  for (const name of path.slice(0, -1)) {
    const child = node.get(name);
    const next: StatsTree = child instanceof Map ? child : new Map();
    if (next !== child) node.set(name, next);
    node = next;
  }
  node.set(path.at(-1) ?? '', json);
}

function treeJson(tree: StatsTree): string {
  const fields = [...tree].map(
    ([name, value]) => `${JSON.stringify(name)}:${typeof value === 'string' ? value : treeJson(value)}`,
  );
  return `{${fields.join(',')}}`;
}

/** JSON of the least or greatest value; undefined where it has none. */
function bound(
  type: SqlType,
  value: string | undefined,
  side: 'min' | 'max',
  options: FileStatsOptions,
): string | undefined {
  if (value === undefined) return undefined;
  if (type.kind === 'decimal') return numberJson(value);
  if (type.kind !== 'scalar') return undefined;
  switch (type.name) {
    case 'TINYINT':
    case 'SMALLINT':
    case 'INTEGER':
    case 'BIGINT':
      return numberJson(value);
    case 'FLOAT':
    case 'DOUBLE':
      // DuckDB does not tell -0 from 0: each side takes the one that bounds both.
      if (/^-?0\.0$/.test(value)) return side === 'min' ? '-0.0' : '0.0';
      return isPrintedRight(Number(value)) ? numberJson(value) : undefined;
    case 'BOOLEAN':
      return /^(1|true)$/.test(value) ? 'true' : 'false';
    case 'DATE':
      return isCommonTime(value) ? JSON.stringify(value) : undefined;
    case 'TIMESTAMP':
    case 'TIMESTAMP WITH TIME ZONE':
      return timestampJson(value, side, type.name === 'TIMESTAMP' ? '' : 'Z');
    case 'VARCHAR':
      return textBound(value, side, options.stringPrefixLength);
    default:
      return undefined;
  }
}

/** DuckDB 1.5.6 prints some doubles of large exponents wrong: 2^81 as 2^82. */
function isPrintedRight(value: number): boolean {
  const size = Math.abs(value);
  return size === 0 || (size >= 1e-15 && size <= 1e15);
}

function numberJson(value: string): string | undefined {
  return /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(value) ? value : undefined;
}

/** In years 1 to 9999, as every reader parses. */
function isCommonTime(value: string): boolean {
  return /^\d{4}-\d\d-\d\d/.test(value) && !value.includes('BC');
}

/** DuckDB prints times with a zone in UTC here. Milliseconds are kept: cut off, and a greatest value rounded up. */
function timestampJson(value: string, side: 'min' | 'max', zone: 'Z' | ''): string | undefined {
  const [, date, time, fraction = ''] =
    /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))?(?:\+00)?$/.exec(value) ?? [];
  if (date === undefined || time === undefined) return undefined;
  const digits = fraction.padEnd(3, '0');
  const ms = Date.parse(`${date}T${time}.${digits.slice(0, 3)}Z`);
  const rounded = side === 'max' && /[1-9]/.test(digits.slice(3)) ? ms + 1 : ms;
  const text = new Date(rounded).toISOString();
  return text.length === 24 ? JSON.stringify(text.slice(0, -1) + zone) : undefined;
}

/** Greater than every character that ASCII has, and than every character at all. */
const asciiMax = '\u007f';
const unicodeMax = '\u{10ffff}';

/**
 * A bound of texts of at most about `length` characters. A cut greatest value ends in a character that is greater than
 * the one that was cut off.
 */
function textBound(value: string, side: 'min' | 'max', length: number): string | undefined {
  const chars = [...value];
  if (chars.length <= length) return JSON.stringify(value);
  if (length === 0) return undefined;
  if (side === 'min') return JSON.stringify(chars.slice(0, length).join(''));
  for (let end = length; end <= 2 * length; end += 1) {
    const next = chars[end];
    if (next === undefined) return JSON.stringify(value);
    if (next === unicodeMax) continue;
    return JSON.stringify(chars.slice(0, end).join('') + (next < asciiMax ? asciiMax : unicodeMax));
  }
  return undefined;
}

/** Numbers pass through `JSON.parse` as texts with this mark, so that no digit is lost; texts with the other one. */
const numberMark = 'n';
const textMark = 's';

/** Statistics without the columns that are not among `columns`; what is no JSON is dropped. */
export function limitStats(stats: string, columns: readonly StatsColumn[]): string | undefined {
  const parsed = parseMarked(stats);
  if (parsed === undefined) return undefined;
  const kept = new Set(columns.map(({ path }) => path.join('\0')));
  const prune = (value: unknown, path: readonly string[]): StatsTree | string | undefined => {
    if (typeof value === 'string') return kept.has(path.join('\0')) ? unmark(value) : undefined;
    if (typeof value !== 'object' || value === null) return undefined;
    const fields = Object.entries(value).flatMap(([name, field]) => {
      const pruned = prune(field, [...path, name.slice(1)]);
      return pruned === undefined ? [] : [[name.slice(1), pruned] as const];
    });
    return fields.length === 0 && path.length > 0 ? undefined : new Map(fields);
  };
  const fields = Object.entries(parsed).map(([name, value]) => {
    const perColumn = typeof value === 'object' && value !== null;
    const pruned = perColumn ? prune(value, []) : plainJson(value);
    return `${JSON.stringify(name.slice(1))}:${pruned instanceof Map ? treeJson(pruned) : pruned}`;
  });
  return `{${fields.join(',')}}`;
}

function plainJson(value: unknown): string {
  return typeof value === 'string' ? unmark(value) : JSON.stringify(value);
}

function unmark(value: string): string {
  return value.startsWith(numberMark) ? value.slice(1) : JSON.stringify(value.slice(1));
}

function parseMarked(stats: string): Readonly<Record<string, unknown>> | undefined {
  const token = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs;
  const marked = stats.replace(token, (text) =>
    text.startsWith('"') ? `"${textMark}${text.slice(1)}` : `"${numberMark}${text}"`,
  );
  try {
    const parsed: unknown = JSON.parse(marked);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? { ...parsed }
      : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The statistics of a file whose rows were partly deleted since: the bounds still hold, but may be wider than its rows.
 * Undefined where there were none, or none that could be read.
 */
export function widenStats(stats: string | undefined): string | undefined {
  if (stats === undefined) return undefined;
  const rest = withoutTightBounds(stats);
  return rest === undefined
    ? undefined
    : `${rest.slice(0, -1)}${rest === '{}' ? '' : ','}"tightBounds":false}`;
}

function withoutTightBounds(stats: string): string | undefined {
  const parsed = parseMarked(stats);
  if (parsed === undefined) return undefined;
  const toTree = (value: unknown): StatsTree | string =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? new Map(Object.entries(value).map(([name, field]) => [name.slice(1), toTree(field)]))
      : plainJson(value);
  const { [`${textMark}tightBounds`]: _, ...rest } = parsed;
  const tree = toTree(rest);
  return typeof tree === 'string' ? undefined : treeJson(tree);
}
