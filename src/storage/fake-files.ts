import { expect } from 'vitest';
import type { Split, TableSnapshot } from './table.ts';

/** A file of a table that is only dealt, never read. */
export interface TestFile {
  readonly path: string;
  /** Rows of each row group; undefined: the file cannot be cut. */
  readonly groups?: readonly number[] | undefined;
  readonly shard?: number | undefined;
}

/** A table of such files, of 100 bytes a row. */
export function filesOf(files: readonly TestFile[]): TableSnapshot {
  return {
    name: 'main.t',
    schema: [],
    format: { kind: 'delta', columns: [] },
    files: files.map(({ path, groups, shard }) => ({
      path,
      bytes: 100 * (groups?.reduce((sum, rows) => sum + rows, 0) ?? 1),
      modifiedMs: undefined,
      rowGroups: groups,
      delta: {
        rowCount: undefined,
        partitionValues: [],
        deletionVector: undefined,
        stats: undefined,
        shard,
        crc32: undefined,
      },
    })),
    rowCount: 0,
    bytes: 0,
  };
}

/** Fails unless every row of every file is in exactly one split. */
export function eachRowOnce(files: readonly TestFile[], tasks: readonly (readonly Split[])[]): void {
  const splits = tasks.flat();
  for (const { path, groups } of files) {
    const own = splits.filter((split) => split.path === path);
    if (own.some((split) => split.firstRow === undefined)) {
      expect(own).toHaveLength(1);
      continue;
    }
    const rows = own.flatMap((split) =>
      Array.from({ length: split.rowCount ?? 0 }, (_, row) => (split.firstRow ?? 0) + row),
    );
    const total = (groups ?? []).reduce((sum, group) => sum + group, 0);
    expect(rows.toSorted((a, b) => a - b)).toEqual(Array.from({ length: total }, (_, row) => row));
  }
  expect(new Set(splits.map(({ path }) => path)).size).toBeLessThanOrEqual(files.length);
}
