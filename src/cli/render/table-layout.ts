/** What decides how wide a column is, in terminal cells. */
export interface ColumnWidths {
  /** Of its name and type. */
  readonly title: number;
  /** Of its widest value. */
  readonly values: number;
  readonly numeric: boolean;
}

export interface TableLayout {
  /** The columns to show, in order. */
  readonly columns: readonly { readonly index: number; readonly width: number }[];
  /** Where a column stands for those left out: before this one of `columns`. */
  readonly elidedAt: number | undefined;
}

/** Cells that a column adds to its values: a bar and two blanks. */
const border = 3;
/** What a column keeps at least, if it is that wide. */
const leastText = 8;

/**
 * Fits columns into a line of `lineWidth` cells: first texts are cut, the widest first, down to a few letters; then
 * columns are left out of the middle. Numbers are never cut: half a number misleads. A single column is cut to the line.
 */
export function layoutTable(columns: readonly ColumnWidths[], lineWidth: number | undefined): TableLayout {
  const wanted = columns.map(({ title, values }) => Math.max(title, values, 1));
  const all = columns.map((_, index) => index);
  if (lineWidth === undefined) return { columns: place(all, wanted), elidedAt: undefined };

  const least = columns.map(({ numeric, values }, index) =>
    Math.max(numeric ? values : 1, Math.min(wanted[index] ?? 1, leastText)),
  );
  const whole = shrink(all, wanted, least, lineWidth - 1);
  if (whole !== undefined) return { columns: whole, elidedAt: undefined };

  const { left, right } = keepEnds(least, lineWidth - 1 - border - 1);
  const kept = [...left, ...right];
  const shown = shrink(kept, wanted, least, lineWidth - 1 - border - 1);
  if (shown !== undefined) return { columns: shown, elidedAt: left.length };
  const width = Math.max(1, lineWidth - 1 - border - (columns.length > 1 ? border + 1 : 0));
  return { columns: [{ index: 0, width }], elidedAt: columns.length > 1 ? 1 : undefined };
}

function place(indexes: readonly number[], widths: readonly number[]): TableLayout['columns'] {
  return indexes.map((index) => ({ index, width: widths[index] ?? 1 }));
}

/** The widths under the largest cap that lets the columns fit; undefined where even the least do not. */
function shrink(
  indexes: readonly number[],
  wanted: readonly number[],
  least: readonly number[],
  room: number,
): TableLayout['columns'] | undefined {
  const capped = (cap: number): number[] =>
    wanted.map((width, index) => Math.max(least[index] ?? 1, Math.min(width, cap)));
  const fits = (widths: readonly number[]): boolean =>
    indexes.reduce((sum, index) => sum + (widths[index] ?? 1) + border, 0) <= room;
  if (indexes.length === 0 || !fits(capped(0))) return undefined;
  let cap = room;
  while (!fits(capped(cap))) cap--;
  return place(indexes, capped(cap));
}

/** Columns from both ends, in turn, as long as there is room for their least widths. */
function keepEnds(least: readonly number[], room: number): { left: number[]; right: number[] } {
  const left: number[] = [];
  const right: number[] = [];
  let used = 0;
  while (left.length + right.length < least.length) {
    const fromLeft = left.length <= right.length;
    const index = fromLeft ? left.length : least.length - 1 - right.length;
    used += (least[index] ?? 1) + border;
    if (used > room) break;
    if (fromLeft) left.push(index);
    else right.unshift(index);
  }
  return { left, right };
}
