/** A set of row numbers of a file, counted from 0. */
export interface RowRuns {
  /** First row and the row after the last one of each run, one run after the other, ascending, with gaps between. */
  readonly bounds: Float64Array;
  readonly rowCount: number;
}

/** Collects ascending runs, joining those that touch. */
export class RowRunsBuilder {
  #bounds = new Float64Array(16);
  #length = 0;
  #rowCount = 0;

  /** Rows from `start` to before `end`. False where they are not above all rows that are there already. */
  add(start: number, end: number): boolean {
    const last = this.#length === 0 ? -1 : (this.#bounds[this.#length - 1] ?? -1);
    if (start < last || end <= start) return false;
    this.#rowCount += end - start;
    if (start === last) {
      this.#bounds[this.#length - 1] = end;
      return true;
    }
    if (this.#length === this.#bounds.length) {
      const longer = new Float64Array(this.#length * 2);
      longer.set(this.#bounds);
      this.#bounds = longer;
    }
    this.#bounds[this.#length] = start;
    this.#bounds[this.#length + 1] = end;
    this.#length += 2;
    return true;
  }

  build(): RowRuns {
    return { bounds: this.#bounds.slice(0, this.#length), rowCount: this.#rowCount };
  }
}

/** @param rows in any order, repeated or not */
export function rowRunsOf(rows: Iterable<number>): RowRuns {
  const sorted = Float64Array.from(rows).sort();
  const builder = new RowRunsBuilder();
  let last = -1;
  for (const row of sorted) {
    if (row !== last) builder.add(row, row + 1);
    last = row;
  }
  return builder.build();
}

export function uniteRowRuns(a: RowRuns, b: RowRuns): RowRuns {
  const builder = new RowRunsBuilder();
  let atA = 0;
  let atB = 0;
  let start = -1;
  let end = -1;
  for (;;) {
    const nextA = a.bounds[atA] ?? Number.POSITIVE_INFINITY;
    const nextB = b.bounds[atB] ?? Number.POSITIVE_INFINITY;
    const next = Math.min(nextA, nextB);
    if (next === Number.POSITIVE_INFINITY) break;
    const nextEnd = (nextA <= nextB ? a.bounds[atA + 1] : b.bounds[atB + 1]) ?? next;
    if (nextA <= nextB) atA += 2;
    else atB += 2;
    if (next <= end) {
      end = Math.max(end, nextEnd);
    } else {
      builder.add(start, end);
      start = next;
      end = nextEnd;
    }
  }
  builder.add(start, end);
  return builder.build();
}

/** The other rows of a file. @param rowCount of the file */
export function rowRunsBetween({ bounds }: RowRuns, rowCount: number): RowRuns {
  const builder = new RowRunsBuilder();
  let start = 0;
  for (let at = 0; at + 1 < bounds.length; at += 2) {
    builder.add(start, Math.min(rowCount, bounds[at] ?? 0));
    start = bounds[at + 1] ?? 0;
  }
  builder.add(start, rowCount);
  return builder.build();
}

/** Each run as [first row, row after the last one]. */
export function* eachRun({ bounds }: RowRuns): Generator<readonly [number, number]> {
  for (let at = 0; at + 1 < bounds.length; at += 2) yield [bounds[at] ?? 0, bounds[at + 1] ?? 0];
}

export function* eachRow(runs: RowRuns): Generator<number> {
  for (const [start, end] of eachRun(runs)) for (let row = start; row < end; row++) yield row;
}
