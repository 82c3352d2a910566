import { fieldIds, partitionText, storedExpression } from '../../storage/index.ts';
import { exchangeParquetOptions, quoteIdentifier, quoteLiteral, type SqlType } from '../../types/index.ts';
import type { TaskWrite } from './read-write-task.ts';

/** Rows of one partition and shard: they lie together in the staged file. */
export interface RowGroup {
  /** One a partition column. */
  readonly values: readonly (string | null)[];
  readonly shard: number | undefined;
  /** Row number in the staged file. */
  readonly firstRow: number;
  readonly rows: number;
}

/** Whether some rows must not share a file with others. */
export function hasGroups({ table }: Pick<TaskWrite, 'table'>): boolean {
  return table.partitionBy.length > 0 || table.shardColumn !== undefined;
}

/** The fragment's rows with the values and names that data files have; nothing else. */
export function storedRows({ table, types }: TaskWrite, fragment: string): string {
  const items = storedItems({ table, types }).map(
    (value, index) => `${value} AS ${quoteIdentifier(table.columns[index]?.stored.name ?? '')}`,
  );
  return `SELECT ${items.join(', ')} ${fromFragment(types, fragment)}`;
}

/**
 * Writes the rows into one scratch file, those of one partition and shard together: s0, s1 ... the stored values,
 * p0, p1 ... the partition values as bytes, so that no collation can touch them, and k the shard.
 * @param ordered rows of one group keep the fragment's order
 */
export function stageStatement(
  { table, types }: TaskWrite,
  fragment: string,
  ordered: boolean,
  file: string,
): string {
  const stored = storedItems({ table, types }).map((value, index) => `${value} AS s${index}`);
  const partition = table.partitionBy.map(
    ({ position, type }, index) => `encode(${partitionText(`c${position}`, type)}) AS p${index}`,
  );
  const shard = table.shardColumn === undefined ? [] : [`c${table.shardColumn} AS k`];
  const numbered = ordered && hasGroups({ table });
  const number = numbered ? ['row_number() OVER () AS q'] : [];
  const items = [...stored, ...partition, ...shard, ...number];
  const keys = [...groupKeys({ table, types }), ...(numbered ? ['q'] : [])];
  const options = exchangeParquetOptions(table.columns.map((column) => column.stored.type));
  const rows = `SELECT ${items.join(', ')} ${fromFragment(types, fragment)}`;
  const sorted = `SELECT * FROM (${rows}) ORDER BY ${keys.join(', ')}`;
  const select = hasGroups({ table }) ? sorted : rows;
  return `COPY (${select}) TO ${quoteLiteral(file)} (${options}, PRESERVE_ORDER true)`;
}

/** The groups of a staged file in their order: partition values, shard, first row, last row, rows. */
export function groupsQuery(write: TaskWrite, file: string): string {
  const keys = groupKeys(write);
  const values = keys.map((key) => (key === 'k' ? key : `decode(${key})`));
  const place = 'min(file_row_number) AS first, max(file_row_number), count(*)';
  return `SELECT ${[...values, place].join(', ')} FROM ${staged(file)} GROUP BY ${keys.join(', ')} ORDER BY first`;
}

/** Rows of groups that follow each other in the staged file, as data files have them. */
export function groupRows(write: TaskWrite, file: string, groups: readonly RowGroup[]): string {
  return `SELECT ${stagedItems(write).join(', ')} ${fromGroups(file, groups)}`;
}

/** As `groupRows`, with the groups' keys as texts in columns that `partitionNames` names. */
export function keyedGroupRows(write: TaskWrite, file: string, groups: readonly RowGroup[]): string {
  const names = partitionNames(write);
  const keys = groupKeys(write).map((key, index) => {
    const text = key === 'k' ? 'CAST(k AS VARCHAR)' : `decode(${key})`;
    return `${text} AS ${quoteIdentifier(names[index] ?? '')}`;
  });
  return `SELECT ${[...stagedItems(write), ...keys].join(', ')} ${fromGroups(file, groups)}`;
}

/** Names of the keys, partition columns then shard, that no data column has. */
export function partitionNames({ table, types }: TaskWrite): readonly string[] {
  const taken = new Set(table.columns.map(({ stored }) => stored.name.toLowerCase()));
  let prefix = 'key';
  while ([...taken].some((name) => name.startsWith(prefix))) prefix += '_';
  return groupKeys({ table, types }).map((_, index) => `${prefix}${index}`);
}

/** Options of the data files. */
export function fileOptions({ table }: TaskWrite): string {
  const ids = fieldIds(table.columns.map(({ stored }) => stored));
  return [
    'FORMAT parquet',
    `COMPRESSION ${table.compression ?? 'zstd'}`,
    'RETURN_STATS',
    ...(ids === undefined ? [] : [`FIELD_IDS ${ids}`]),
  ].join(', ');
}

function storedItems({ table, types }: TaskWrite): readonly string[] {
  return table.columns.map(({ position, stored }) =>
    storedExpression(`c${position}`, typeAt(types, position), stored),
  );
}

function stagedItems({ table }: TaskWrite): readonly string[] {
  return table.columns.map(({ stored }, index) => `s${index} AS ${quoteIdentifier(stored.name)}`);
}

function groupKeys({ table }: TaskWrite): readonly string[] {
  const partition = table.partitionBy.map((_, index) => `p${index}`);
  return table.shardColumn === undefined ? partition : [...partition, 'k'];
}

function fromGroups(file: string, groups: readonly RowGroup[]): string {
  const first = groups[0]?.firstRow ?? 0;
  const last = groups.reduce((end, group) => Math.max(end, group.firstRow + group.rows), first) - 1;
  return `FROM ${staged(file)} WHERE file_row_number BETWEEN ${first} AND ${last}`;
}

function staged(file: string): string {
  return `read_parquet(${quoteLiteral(file)}, file_row_number = true)`;
}

function fromFragment(types: readonly SqlType[], fragment: string): string {
  const names = types.map((_, index) => `c${index}`).join(', ');
  return `FROM (\n${fragment}\n) AS fragment(${names})`;
}

function typeAt(types: readonly SqlType[], position: number): SqlType {
  const type = types[position];
  if (type === undefined) throw new RangeError(`a write of column ${position} of ${types.length}`);
  return type;
}
