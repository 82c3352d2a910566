import { assert } from '../common/index.ts';
import type { Split, TableFile, TableSnapshot } from './table.ts';

/** The smallest piece a scan can be cut into: one row group, or a whole file where the format has none. */
interface Unit {
  readonly path: string;
  readonly firstRow: number | undefined;
  readonly rowCount: number | undefined;
  readonly bytes: number;
}

const knownCounts = new WeakMap<TableSnapshot['files'], number>();

/** How many pieces the table's scan can be cut into. Remembered: planners ask often, and files may be very many. */
export function countSplits({ files }: TableSnapshot): number {
  let count = knownCounts.get(files);
  if (count === undefined) {
    count = files.reduce((sum, file) => sum + (file.rowGroups?.length ?? 1), 0);
    knownCounts.set(files, count);
  }
  return count;
}

/**
 * Deals the table's rows out over `count` tasks: runs of row groups in file order, about equal in bytes. Neighbouring
 * row groups of a file become one split. Every row is in exactly one split.
 * @returns `count` lists; some are empty when there are fewer pieces than tasks
 */
export function dealSplits(table: TableSnapshot, count: number): readonly (readonly Split[])[] {
  const units = table.files.flatMap(fileUnits);
  const total = units.reduce((sum, unit) => sum + unit.bytes, 0);
  const tasks: Split[][] = Array.from({ length: count }, () => []);
  let before = 0;
  units.forEach((unit, index) => {
    const middle = before + unit.bytes / 2;
    const share = total > 0 ? middle / total : (index + 0.5) / units.length;
    appendUnit(tasks[Math.min(count - 1, Math.floor(share * count))] ?? [], unit);
    before += unit.bytes;
  });
  return tasks;
}

/**
 * Deals whole files out by their shard. Every row is in exactly one split.
 * @param tasks by shard, the task that reads all of it
 * @returns `count` lists
 * @throws Error when a file says no shard, or one that no task reads: such a table is not to be read by its shards
 */
export function dealShards(
  table: TableSnapshot,
  tasks: readonly number[],
  count: number,
): readonly (readonly Split[])[] {
  const dealt: Split[][] = Array.from({ length: count }, () => []);
  for (const file of table.files) {
    const shard = file.delta?.shard;
    assert(shard !== undefined, `${file.path} is in no shard`);
    const splits = dealt[tasks[shard] ?? -1];
    assert(splits !== undefined, `no task reads shard ${shard} of ${file.path}`);
    splits.push(wholeSplit(file));
  }
  return dealt;
}

/** Every row of the table, file by file. */
export function wholeSplits(table: TableSnapshot): readonly Split[] {
  return table.files.map(wholeSplit);
}

export function wholeSplit({ path, bytes }: TableFile): Split {
  return { path, firstRow: undefined, rowCount: undefined, bytes };
}

/** The pieces of a file, in order. */
export function fileUnits(file: TableFile): readonly Unit[] {
  const groups = file.rowGroups;
  if (groups === undefined || groups.length <= 1) {
    return [{ path: file.path, firstRow: undefined, rowCount: undefined, bytes: file.bytes }];
  }
  const rows = groups.reduce((sum, group) => sum + group, 0);
  let firstRow = 0;
  return groups.map((rowCount) => {
    const unit = { path: file.path, firstRow, rowCount, bytes: (file.bytes * rowCount) / Math.max(1, rows) };
    firstRow += rowCount;
    return unit;
  });
}

/** Adds a piece to a task's splits: to the last one, where it goes on from there. */
export function appendUnit(splits: Split[], unit: Unit): void {
  const last = splits.at(-1);
  const continues =
    last !== undefined &&
    last.path === unit.path &&
    last.firstRow !== undefined &&
    last.rowCount !== undefined &&
    unit.rowCount !== undefined &&
    last.firstRow + last.rowCount === unit.firstRow;
  if (!continues) {
    splits.push(unit);
    return;
  }
  splits[splits.length - 1] = {
    ...last,
    rowCount: (last.rowCount ?? 0) + (unit.rowCount ?? 0),
    bytes: last.bytes + unit.bytes,
  };
}
