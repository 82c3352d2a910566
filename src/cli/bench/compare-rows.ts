import type { SqlValue } from '../../types/index.ts';

export type Row = readonly SqlValue[];

const tolerance = 1e-9;

/**
 * Says how two results differ as multisets of rows, floats being equal within one part in 10^9; undefined where they do
 * not. Rows are paired in an order that does not look at the last digits of floats.
 */
export function describeDifference(expected: readonly Row[], actual: readonly Row[]): string | undefined {
  if (expected.length !== actual.length) return `${actual.length} rows instead of ${expected.length}`;
  const left = sorted(expected);
  const right = sorted(actual);
  for (const [index, row] of left.entries()) {
    const other = right[index] ?? [];
    if (
      row.length !== other.length ||
      !row.every((value, column) => sameValue(value, other[column] ?? null))
    ) {
      return `${text(other)} instead of ${text(row)}`;
    }
  }
  return undefined;
}

function sorted(rows: readonly Row[]): readonly Row[] {
  return rows
    .map((row) => ({ row, key: row.map(sortKey).join('\u0000') }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ row }) => row);
}

function sortKey(value: SqlValue): string {
  return isFloat(value) ? value.toPrecision(6) : text(value);
}

function isFloat(value: SqlValue): value is number {
  return typeof value === 'number' && !Number.isInteger(value);
}

function sameValue(a: SqlValue, b: SqlValue): boolean {
  if (typeof a === 'number' && typeof b === 'number') {
    return Object.is(a, b) || Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b));
  }
  return text(a) === text(b);
}

function text(value: SqlValue | Row): string {
  return JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? `${item}` : item)) ?? '';
}
