import type { CompareOp, Expr } from '../../plan/index.ts';
import { sameType } from '../../types/index.ts';
import {
  type ColumnRange,
  castRange,
  compareRange,
  onlyNulls,
  onlyValue,
  prefixOfRange,
  unknownRange,
} from './column-range.ts';
import { kindOf, type OrderedValue, readValue } from './ordered-value.ts';
import {
  and,
  anything,
  maybeFalse,
  maybeNull,
  maybeTrue,
  not,
  nothing,
  or,
  type Truth,
  truthOf,
} from './truth.ts';

/** What the columns of a file may hold, by position. */
export type Ranges = (column: number) => ColumnRange;

/**
 * What a predicate may give for the rows of a file. Never less than it does: where it is not certain, anything.
 * Columns are taken one by one, so that `a = 1 AND b = 2` may be thought possible where no row has both.
 */
export function evaluate(predicate: Expr, ranges: Ranges): Truth {
  switch (predicate.kind) {
    case 'and':
      return predicate.args.reduce((truth, arg) => and(truth, evaluate(arg, ranges)), maybeTrue);
    case 'or':
      return predicate.args.reduce((truth, arg) => or(truth, evaluate(arg, ranges)), maybeFalse);
    case 'not':
      return not(evaluate(predicate.input, ranges));
    case 'isNull':
      return isNull(rangeOf(predicate.input, ranges));
    case 'isNotNull':
      return not(isNull(rangeOf(predicate.input, ranges)));
    case 'compare':
      return compare(predicate.op, predicate.left, predicate.right, ranges);
    case 'in': {
      const found = predicate.list.reduce(
        (truth, item) => or(truth, compare('=', predicate.input, item, ranges)),
        maybeFalse,
      );
      return predicate.negated ? not(found) : found;
    }
    case 'call':
      return prefix(predicate, ranges);
    case 'literal':
      if (predicate.value === null) return maybeNull;
      return predicate.value === 'true' || predicate.value === 'false'
        ? truthOf(predicate.value === 'true')
        : anything;
    case 'column':
      return compareRange(ranges(predicate.index), '=', { kind: 'number', units: 1n, scale: 0 });
    case 'cast':
    case 'case':
    case 'struct':
    case 'lambda':
    case 'lambdaParam':
      return anything;
  }
}

function isNull({ nulls, values }: ColumnRange): Truth {
  return (nulls ? maybeTrue : nothing) | (values ? maybeFalse : nothing);
}

const mirrored: Readonly<Record<CompareOp, CompareOp>> = {
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
  '=': '=',
  '<>': '<>',
  'IS DISTINCT FROM': 'IS DISTINCT FROM',
  'IS NOT DISTINCT FROM': 'IS NOT DISTINCT FROM',
};

function compare(op: CompareOp, left: Expr, right: Expr, ranges: Ranges): Truth {
  if (!sameType(left.type, right.type)) return anything;
  const onRight = constantOf(right);
  if (onRight !== undefined) return compareRange(rangeOf(left, ranges), op, onRight);
  const onLeft = constantOf(left);
  return onLeft === undefined ? anything : compareRange(rangeOf(right, ranges), mirrored[op], onLeft);
}

/** NULL, or a value whose order is known; undefined for anything else. */
function constantOf(expr: Expr): OrderedValue | null | undefined {
  if (expr.kind === 'cast' && !expr.try) {
    const inner = constantOf(expr.input);
    if (inner === null || inner === undefined) return inner;
    const { min } = castRange(onlyValue(inner), expr.input.type, expr.type);
    return min;
  }
  if (expr.kind !== 'literal') return undefined;
  if (expr.value === null) return null;
  return typeof expr.value === 'string' ? readValue(expr.value, expr.type) : undefined;
}

/** What an expression over columns may give. */
function rangeOf(expr: Expr, ranges: Ranges): ColumnRange {
  if (expr.kind === 'column')
    return kindOf(expr.type) === undefined ? nullsOf(ranges(expr.index)) : ranges(expr.index);
  if (expr.kind === 'literal') {
    const constant = constantOf(expr);
    if (constant === null) return onlyNulls;
    return constant === undefined ? unknownRange : onlyValue(constant);
  }
  if (expr.kind !== 'cast') return unknownRange;
  const inner = rangeOf(expr.input, ranges);
  const cast = castRange(inner, expr.input.type, expr.type);
  // TRY_CAST makes a NULL of what it cannot cast; texts may be anything.
  return expr.try ? { ...cast, nulls: true } : cast;
}

/** Where only NULLs are of use. */
function nullsOf({ nulls, values }: ColumnRange): ColumnRange {
  return { ...unknownRange, nulls, values };
}

/** `prefix(column, 'abc')`, as DuckDB has LIKE 'abc%', and LIKE itself by what comes before its first wildcard. */
function prefix(call: Extract<Expr, { kind: 'call' }>, ranges: Ranges): Truth {
  const [text, pattern] = call.args;
  if (text?.kind !== 'column' || pattern?.kind !== 'literal' || typeof pattern.value !== 'string')
    return anything;
  if (text.type.kind !== 'scalar' || text.type.name !== 'VARCHAR' || call.args.length !== 2) return anything;
  switch (call.name) {
    case 'prefix':
    case 'starts_with':
    case '^@':
      return prefixOfRange(ranges(text.index), Buffer.from(pattern.value, 'utf8'));
    case '~~':
      return prefixOfRange(
        ranges(text.index),
        Buffer.from(/^[^%_\\]*/.exec(pattern.value)?.[0] ?? '', 'utf8'),
      );
    default:
      return anything;
  }
}
