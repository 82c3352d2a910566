import { stat } from 'node:fs/promises';
import { create } from '@bufbuild/protobuf';
import { mapConcurrently, SkeinError, SqlState } from '../common/index.ts';
import { parquetRowCount } from '../exchange/index.ts';
import { type FileScan, type Split, SplitSchema } from '../rpc/index.ts';
import { unreadableFile } from './unreadable-file.ts';

/** File systems and JSON round times differently; a rewrite moves them further. */
const timeToleranceMs = 1;
const rowCountsKept = 10_000;
const filesAtOnce = 16;

/** What a task reads, as it is on disk. */
export interface CheckedScan extends ScanSize {
  /** As asked for, but files of which every row is wanted are whole: many whole files need only one reader. */
  readonly splits: Split[];
}

export interface ScanSize {
  /** Undefined where only reading the files could tell (CSV, JSON). */
  readonly rows: number | undefined;
  readonly bytes: number;
}

/** Looks at the table files that a task reads: are they the ones the query was planned for, and how much is it? */
export class ScanFiles {
  /** Rows of Parquet files by path, size and time. */
  readonly #rowCounts = new Map<string, number>();

  /**
   * @throws SkeinError 58P01 when a file is missing, 58030 when one changed (retry `query`) or cannot be reached,
   * XX001 when it is not a whole Parquet file; each names the path
   */
  async check(scan: FileScan): Promise<CheckedScan> {
    const paths = [...new Set(scan.splits.map((split) => split.path))];
    const sizes = new Map<string, { readonly rows: number | undefined; readonly bytes: number }>();
    await mapConcurrently(paths, filesAtOnce, async (path) => {
      const { bytes, modifiedMs } = await this.#unchanged(path, scan);
      const rows = scan.format === 'parquet' ? await this.#rows(path, bytes, modifiedMs) : undefined;
      sizes.set(path, { rows, bytes });
    });
    let rows: number | undefined = 0;
    let bytes = 0;
    for (const split of scan.splits) {
      const file = sizes.get(split.path);
      if (file === undefined) continue;
      const splitRows = split.rowCount === undefined ? file.rows : Number(split.rowCount);
      rows = rows === undefined || splitRows === undefined ? undefined : rows + splitRows;
      const share = splitRows === undefined || !file.rows ? 1 : splitRows / file.rows;
      bytes += Math.round(file.bytes * share);
    }
    const splits = scan.splits.map((split) =>
      isWhole(split, sizes.get(split.path)?.rows) ? create(SplitSchema, { path: split.path }) : split,
    );
    return { rows, bytes, splits };
  }

  /** The same question once more, after the files were read. */
  async recheck(scan: FileScan): Promise<void> {
    // A file of a Delta table never changes.
    if (scan.format === 'delta') return;
    const paths = new Set(scan.splits.map((split) => split.path));
    await mapConcurrently([...paths], filesAtOnce, (path) => this.#unchanged(path, scan));
  }

  async #unchanged(path: string, scan: FileScan): Promise<{ bytes: number; modifiedMs: number }> {
    const found = await stat(path).catch((error: unknown) => {
      throw unreadableFile(path, error as NodeJS.ErrnoException);
    });
    const planned = scan.versions[path];
    const changed =
      planned !== undefined &&
      (BigInt(found.size) !== planned.bytes ||
        Math.abs(found.mtimeMs - planned.modifiedMs) > timeToleranceMs);
    if (changed) {
      throw new SkeinError(SqlState.ioError, `the file changed while the query ran: ${path}`, {
        retry: 'query',
        details: { path },
      });
    }
    return { bytes: found.size, modifiedMs: found.mtimeMs };
  }

  async #rows(path: string, bytes: number, modifiedMs: number): Promise<number> {
    const key = `${path}\0${bytes}\0${modifiedMs}`;
    const known = this.#rowCounts.get(key);
    if (known !== undefined) return known;
    const rows = await parquetRowCount(path).catch((error: unknown) => {
      throw error instanceof SkeinError ? error : unreadableFile(path, error as NodeJS.ErrnoException);
    });
    const [oldest] = this.#rowCounts.keys();
    if (this.#rowCounts.size >= rowCountsKept && oldest !== undefined) this.#rowCounts.delete(oldest);
    this.#rowCounts.set(key, rows);
    return rows;
  }
}

function isWhole({ firstRow = 0n, rowCount }: Split, rows: number | undefined): boolean {
  return rows !== undefined && firstRow === 0n && rowCount === BigInt(rows);
}
