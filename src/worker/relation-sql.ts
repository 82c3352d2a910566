import type { Column, Split } from '../rpc/index.ts';
import { quoteIdentifier } from '../types/index.ts';

/** Column that holds the place of a relation without columns. */
export const placeholderColumn = 'c0';

/** A relation of the right columns and no rows. */
export function emptyRelation(columns: readonly Column[]): string {
  const items = columns.map((column) => `CAST(NULL AS ${column.type}) AS ${quoteIdentifier(column.name)}`);
  return `SELECT ${items.length === 0 ? `true AS ${placeholderColumn}` : items.join(', ')} WHERE false`;
}

interface RowRange {
  readonly path: string;
  readonly first: bigint;
  readonly last: bigint;
}

/** Runs of rows, one reader each: DuckDB prunes row groups for one range, and reads all of them for two. */
export function rowRanges(splits: readonly Split[]): readonly RowRange[] {
  const ranges: RowRange[] = [];
  for (const { path, firstRow = 0n, rowCount } of splits) {
    if (rowCount === undefined || rowCount === 0n) continue;
    const before = ranges.at(-1);
    const continues = before?.path === path && before.last + 1n === firstRow;
    const range = { path, first: continues ? before.first : firstRow, last: firstRow + rowCount - 1n };
    if (continues) ranges[ranges.length - 1] = range;
    else ranges.push(range);
  }
  return ranges;
}

/** DuckDB takes every path for a pattern; in brackets a character stands for itself. */
export function escapeGlob(path: string): string {
  return path.replace(/[[*?]/g, '[$&]');
}
