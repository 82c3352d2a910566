import { assert } from '../../common/index.ts';
import { type AddAction, numRecordsOf } from '../../storage/index.ts';
import type { ResultRows } from './statement-context.ts';

/** Files of a table that a statement changes rows of. */
export interface TouchedFiles {
  /** With the count of rows that the statement changes or deletes. */
  readonly counts: ReadonlyMap<AddAction, number>;
  readonly rows: number;
}

/** @param found rows of (path as the log has it, count) */
export function touchedFiles(files: readonly AddAction[], found: ResultRows): TouchedFiles {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const counts = new Map<AddAction, number>();
  let rows = 0;
  for (const [path, count] of found.rows) {
    const file = byPath.get(String(path));
    assert(file !== undefined, 'a changed row lies in a file of the table');
    counts.set(file, Number(count));
    rows += Number(count);
  }
  return { counts, rows };
}

/** Rows of a file that are not deleted; undefined where its statistics do not say. */
export function liveRowsOf(file: AddAction): number | undefined {
  const rows = numRecordsOf(file);
  return rows === undefined ? undefined : rows - (file.deletionVector?.cardinality ?? 0);
}
