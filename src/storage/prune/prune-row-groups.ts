import type { Expr } from '../../plan/index.ts';
import { integerTypes, type SqlType, sameType } from '../../types/index.ts';
import type { ParquetRowGroup } from '../range-cache/index.ts';
import { type ColumnRange, unknownRange } from './column-range.ts';
import { evaluate } from './evaluate.ts';
import { kindOf } from './ordered-value.ts';
import { maybeTrue } from './truth.ts';

/** A column of a scan, and what a file has of it. */
export interface FileColumn {
  readonly type: SqlType;
  /** Top-level; undefined: nothing is known of the column's values. */
  readonly stored: { readonly name: string; readonly fieldId: number | undefined } | undefined;
}

/**
 * Whether some row of a row group may fulfil all of the predicates. Where it is not certain, it may.
 * @param prune predicates over `columns`
 */
export function mayMatch(
  prune: readonly Expr[],
  columns: readonly FileColumn[],
  group: ParquetRowGroup,
): boolean {
  const ranges = (index: number): ColumnRange => rangeOf(columns[index], group);
  return prune.every((term) => (evaluate(term, ranges) & maybeTrue) !== 0);
}

function rangeOf(column: FileColumn | undefined, group: ParquetRowGroup): ColumnRange {
  if (column?.stored === undefined) return unknownRange;
  const bounds = group.bounds(column.stored.name, column.stored.fieldId);
  if (bounds === undefined || !isReadAs(bounds.type, column.type)) return unknownRange;
  const { nulls, values, min, max } = bounds;
  return {
    nulls: nulls !== 0,
    values: nulls === undefined || nulls < values,
    min,
    max,
    nan: kindOf(column.type) === 'float',
  };
}

/** Whether values keep their order, and are exactly as large, where a column of another type is made of them. */
function isReadAs(stored: SqlType, type: SqlType): boolean {
  const isInteger = (each: SqlType): boolean => each.kind === 'scalar' && integerTypes.has(each.name);
  return sameType(stored, type) || (isInteger(stored) && isInteger(type));
}
