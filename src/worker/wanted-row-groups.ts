import { create } from '@bufbuild/protobuf';
import type { Expr } from '../plan/index.ts';
import { type FileScan, type Split, SplitSchema } from '../rpc/index.ts';
import { type FileColumn, mayMatch, type ParquetRowGroup } from '../storage/index.ts';

/** Rows from `first` to `last`, counted from 0. */
interface RowRun {
  readonly first: number;
  readonly last: number;
}

/** A reader is made for each run: many of them cost more than what lies between some. */
const mostRuns = 8;

/**
 * Decides by its footer which row groups of a file a task reads. Others are not fetched: the copy of the file has holes
 * there, and only rows of the wanted groups may be asked for. DuckDB leaves row groups without such rows out; a hole
 * would be an error to it, as no page begins with zeros.
 */
export class WantedRowGroups {
  readonly #splits: readonly Split[];
  readonly #prune: readonly Expr[];
  readonly #columns: readonly FileColumn[];
  /** Undefined: the file is here as a whole, as far as its columns go. */
  #runs: readonly RowRun[] | undefined;

  /**
   * @param splits of one file
   * @param columns of the scan
   */
  constructor(scan: FileScan, splits: readonly Split[], columns: readonly FileColumn[]) {
    this.#splits = splits;
    this.#columns = columns;
    this.#prune = scan.prune === '' ? [] : (JSON.parse(scan.prune) as readonly Expr[]);
  }

  /** For `WantedBytes.groups`. */
  readonly choose = (groups: readonly ParquetRowGroup[]): readonly boolean[] => {
    const wanted = joinRuns(groups.map((group) => this.#isWanted(group)));
    const all = wanted.every((each) => each);
    this.#runs = all ? undefined : runsOf(groups, wanted);
    return wanted;
  };

  /** The splits without rows of groups that are not wanted. */
  get splits(): readonly Split[] {
    const runs = this.#runs;
    if (runs === undefined) return this.#splits;
    return this.#splits.flatMap((split) => {
      const { path, firstRow = 0n, rowCount } = split;
      const start = Number(firstRow);
      const end = rowCount === undefined ? Number.POSITIVE_INFINITY : start + Number(rowCount);
      return runs.flatMap(({ first, last }) => {
        const from = Math.max(first, start);
        const to = Math.min(last + 1, end);
        if (from >= to) return [];
        return [create(SplitSchema, { path, firstRow: BigInt(from), rowCount: BigInt(to - from) })];
      });
    });
  }

  #isWanted(group: ParquetRowGroup): boolean {
    const inSplit = this.#splits.some(({ firstRow = 0n, rowCount }) => {
      const start = Number(firstRow);
      const end = rowCount === undefined ? Number.POSITIVE_INFINITY : start + Number(rowCount);
      return start < group.firstRow + group.rows && group.firstRow < end;
    });
    return inSplit && mayMatch(this.#prune, this.#columns, group);
  }
}

/** Fills the shortest gaps, so that few enough runs are left. */
function joinRuns(wanted: readonly boolean[]): readonly boolean[] {
  const gaps: { readonly start: number; readonly end: number }[] = [];
  for (let at = wanted.indexOf(true); at >= 0; ) {
    const start = wanted.indexOf(false, at);
    at = start < 0 ? -1 : wanted.indexOf(true, start);
    if (at >= 0) gaps.push({ start, end: at });
  }
  const shortest = gaps.toSorted((a, b) => a.end - a.start - (b.end - b.start));
  const filled = [...wanted];
  for (const { start, end } of shortest.slice(0, Math.max(0, gaps.length + 1 - mostRuns))) {
    filled.fill(true, start, end);
  }
  return filled;
}

function runsOf(groups: readonly ParquetRowGroup[], wanted: readonly boolean[]): readonly RowRun[] {
  const runs: RowRun[] = [];
  groups.forEach(({ firstRow, rows }, index) => {
    if (wanted[index] !== true || rows === 0) return;
    const before = runs.at(-1);
    if (before !== undefined && before.last + 1 === firstRow) {
      runs[runs.length - 1] = { first: before.first, last: firstRow + rows - 1 };
    } else runs.push({ first: firstRow, last: firstRow + rows - 1 });
  });
  return runs;
}

/** Those of each file, in their order. */
export function splitsByPath(splits: readonly Split[]): ReadonlyMap<string, readonly Split[]> {
  const byPath = new Map<string, Split[]>();
  for (const split of splits) {
    const known = byPath.get(split.path);
    if (known === undefined) byPath.set(split.path, [split]);
    else known.push(split);
  }
  return byPath;
}
