import type { SqlValue } from '../../src/types/index.ts';
import type { Result } from './runner.ts';

/**
 * - multiset: the same rows, in any order.
 * - ordered: the same rows in the same order.
 * - sorted: the same rows; the sequence of the named columns (from 0) is the same, ties may come in any order.
 */
export type Order =
  | { readonly kind: 'multiset' }
  | { readonly kind: 'ordered' }
  | { readonly kind: 'sorted'; readonly keys: readonly number[] };

/** Floats that differ by less, relative to the larger, are equal. */
const tolerance = 1e-9;

/** A row taken apart: what must be equal exactly, and the floats, which must be close. */
interface Row {
  readonly exact: string;
  readonly floats: readonly number[];
  readonly values: readonly SqlValue[];
}

/** Says how `actual` differs from `expected`, in words; undefined when it does not. */
export function difference(expected: Result, actual: Result, order: Order): string | undefined {
  const columns = columnDifference(expected, actual);
  if (columns !== undefined) return columns;
  if (expected.rows.length !== actual.rows.length) {
    return `expected ${expected.rows.length} rows, got ${actual.rows.length}\n${multisetDifference(expected, actual) ?? ''}`;
  }
  switch (order.kind) {
    case 'multiset':
      return multisetDifference(expected, actual);
    case 'ordered':
      return sequenceDifference(expected.rows, actual.rows);
    case 'sorted': {
      const keys = (rows: Result['rows']): SqlValue[][] =>
        rows.map((row) => order.keys.map((key) => row[key] ?? null));
      return (
        multisetDifference(expected, actual) ?? sequenceDifference(keys(expected.rows), keys(actual.rows))
      );
    }
  }
}

function columnDifference(expected: Result, actual: Result): string | undefined {
  const show = (result: Result): string =>
    // DuckDB's C API calls the type of a bare NULL an INTEGER.
    result.columns.map(({ name, type }) => `${name} ${type.replaceAll('"NULL"', 'INTEGER')}`).join(', ');
  if (show(expected) === show(actual)) return undefined;
  return `expected the columns ${show(expected)}\n     got the columns ${show(actual)}`;
}

function takeApart(values: readonly SqlValue[]): Row {
  const floats: number[] = [];
  const exact = JSON.stringify(values.map((value) => exactPart(value, floats)));
  return { exact, floats, values };
}

/** JSON-safe form of a value with its non-integer numbers moved to `floats`. */
function exactPart(value: SqlValue, floats: number[]): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'bigint') return { integer: value.toString() };
  if (typeof value === 'number') {
    // Integers may be floats' values, so both kinds go the same way; types are compared by column.
    floats.push(value);
    return { float: 0 };
  }
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') };
  if (isList(value)) return value.map((item) => exactPart(item, floats));
  return Object.entries(value).map(([name, item]) => [name, exactPart(item, floats)]);
}

function isList(value: SqlValue): value is readonly SqlValue[] {
  return Array.isArray(value);
}

function close(a: number, b: number): boolean {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true;
  if (!Number.isFinite(a) || !Number.isFinite(b)) return false;
  return Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b));
}

function same(a: Row, b: Row): boolean {
  return a.exact === b.exact && a.floats.every((float, index) => close(float, b.floats[index] ?? Number.NaN));
}

function sequenceDifference(
  expected: readonly (readonly SqlValue[])[],
  actual: readonly (readonly SqlValue[])[],
): string | undefined {
  for (const [index, row] of expected.entries()) {
    const other = actual[index] ?? [];
    if (!same(takeApart(row), takeApart(other))) {
      return `row ${index} (from 0) in order: expected ${showRow(row)}\n${' '.repeat(21)}got ${showRow(other)}`;
    }
  }
  return undefined;
}

function multisetDifference(expected: Result, actual: Result): string | undefined {
  const groups = new Map<string, { expected: Row[]; actual: Row[] }>();
  for (const side of ['expected', 'actual'] as const) {
    for (const values of (side === 'expected' ? expected : actual).rows) {
      const row = takeApart(values);
      const group = groups.get(row.exact) ?? { expected: [], actual: [] };
      group[side].push(row);
      groups.set(row.exact, group);
    }
  }
  const missing: Row[] = [];
  const surplus: Row[] = [];
  for (const group of groups.values()) unmatched(group.expected, group.actual, missing, surplus);
  if (missing.length === 0 && surplus.length === 0) return undefined;
  const list = (rows: readonly Row[]): string =>
    rows
      .slice(0, 5)
      .map((row) => `\n    ${showRow(row.values)}`)
      .join('');
  return `${missing.length} rows missing:${list(missing)}\n${surplus.length} rows too many:${list(surplus)}`;
}

/** Pairs rows of equal exact parts by their floats: in sorted order first, then each with any that is close. */
function unmatched(expected: Row[], actual: Row[], missing: Row[], surplus: Row[]): void {
  if (expected.length === actual.length) {
    expected.sort(byFloats);
    actual.sort(byFloats);
    if (expected.every((row, index) => same(row, actual[index] ?? { exact: '', floats: [], values: [] })))
      return;
  }
  const left = [...actual];
  for (const row of expected) {
    const match = left.findIndex((candidate) => same(row, candidate));
    if (match < 0) missing.push(row);
    else left.splice(match, 1);
  }
  surplus.push(...left);
}

function byFloats(a: Row, b: Row): number {
  for (const [index, float] of a.floats.entries()) {
    const other = b.floats[index] ?? 0;
    // NaN sorts last.
    if (Number.isNaN(float) !== Number.isNaN(other)) return Number.isNaN(float) ? 1 : -1;
    if (float !== other && !Number.isNaN(float)) return float < other ? -1 : 1;
  }
  return 0;
}

function showRow(row: readonly SqlValue[]): string {
  return JSON.stringify(row, (_, value: unknown) => {
    if (typeof value === 'bigint') return value.toString();
    if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
    return value;
  }).slice(0, 500);
}
