import { assertNever } from '../common/index.ts';
import type { CompareOp, Expr } from '../plan/index.ts';
import { type ColumnStatistics, statisticValue } from '../types/index.ts';
import { conjuncts } from './expressions.ts';

/** What is known of a column's values: in the table it comes from, before any filter. */
export interface KnownValues extends Pick<ColumnStatistics, 'distinct' | 'min' | 'max'> {
  /** Rows of the table. */
  readonly tableRows: number;
}

export type KnownColumns = readonly (KnownValues | undefined)[];

/** Textbook shares of rows, where nothing is known. */
const EQUAL = 0.1;
const BELOW = 0.35;
const COMPUTED = 0.05;
const LIKE = 0.1;

/** Share of rows that a predicate lets through. */
export function selectivity(predicate: Expr, columns: KnownColumns): number {
  switch (predicate.kind) {
    case 'and':
      return conjunctionShare(conjuncts(predicate), columns);
    case 'or': {
      const miss = predicate.args.reduce((product, arg) => product * (1 - selectivity(arg, columns)), 1);
      return 1 - miss;
    }
    case 'not':
      return 1 - selectivity(predicate.input, columns);
    case 'compare':
      return compareShare(predicate.op, predicate.left, predicate.right, columns);
    case 'in': {
      const share = Math.min(1, predicate.list.length * equalShare(predicate.input, columns));
      return predicate.negated ? 1 - share : share;
    }
    case 'isNull':
      return 0.1;
    case 'isNotNull':
      return 0.95;
    case 'literal':
      return predicate.value === 'true' ? 1 : 0;
    case 'call':
      if (predicate.name === '!~~' || predicate.name === '!~~*') return 1 - LIKE;
      return LIKE;
    case 'column':
    case 'cast':
    case 'case':
    case 'struct':
    case 'lambda':
    case 'lambdaParam':
      return 0.3;
    default:
      return assertNever(predicate);
  }
}

/** Two bounds of one column are a range; beyond two terms each counts less, as terms are seldom independent. */
function conjunctionShare(terms: readonly Expr[], columns: KnownColumns): number {
  const ranges = new Map<number, { low: number; high: number }>();
  const shares: number[] = [];
  for (const term of terms) {
    const bound = boundOf(term, columns);
    if (bound === undefined) {
      shares.push(selectivity(term, columns));
      continue;
    }
    const range = ranges.get(bound.column) ?? { low: 0, high: 1 };
    ranges.set(bound.column, {
      low: Math.max(range.low, bound.low),
      high: Math.min(range.high, bound.high),
    });
  }
  for (const { low, high } of ranges.values()) shares.push(Math.max(0.001, high - low));
  shares.sort((a, b) => a - b);
  return shares.reduce((product, share, index) => product * share ** (1 / 2 ** Math.max(0, index - 1)), 1);
}

/** The part of a column's range, from 0 to 1, that a comparison with a constant leaves. */
function boundOf(
  term: Expr,
  columns: KnownColumns,
): { readonly column: number; readonly low: number; readonly high: number } | undefined {
  if (term.kind !== 'compare') return undefined;
  const flipped = term.left.kind === 'literal';
  const [column, constant] = flipped ? [term.right, term.left] : [term.left, term.right];
  if (column.kind !== 'column' || constant.kind !== 'literal' || typeof constant.value !== 'string')
    return undefined;
  const known = columns[column.index];
  const value = statisticValue(constant.value, constant.type);
  if (known?.min === undefined || known.max === undefined || value === undefined) return undefined;
  const place =
    known.max === known.min ? 0.5 : Math.min(1, Math.max(0, (value - known.min) / (known.max - known.min)));
  const op = flipped ? mirrored(term.op) : term.op;
  if (op === '<' || op === '<=') return { column: column.index, low: 0, high: place };
  return op === '>' || op === '>=' ? { column: column.index, low: place, high: 1 } : undefined;
}

function mirrored(op: CompareOp): CompareOp {
  switch (op) {
    case '<':
      return '>';
    case '<=':
      return '>=';
    case '>':
      return '<';
    case '>=':
      return '<=';
    case '=':
    case '<>':
    case 'IS DISTINCT FROM':
    case 'IS NOT DISTINCT FROM':
      return op;
    default:
      return assertNever(op);
  }
}

function compareShare(op: CompareOp, left: Expr, right: Expr, columns: KnownColumns): number {
  switch (op) {
    case '=':
    case 'IS NOT DISTINCT FROM':
      return Math.min(equalShare(left, columns), equalShare(right, columns));
    case '<>':
    case 'IS DISTINCT FROM':
      return 1 - Math.min(equalShare(left, columns), equalShare(right, columns));
    case '<':
    case '<=':
    case '>':
    case '>=': {
      const bound = boundOf({ kind: 'compare', op, left, right, type: left.type }, columns);
      if (bound !== undefined) return Math.max(0.001, bound.high - bound.low);
      // A bound on what was computed, as in HAVING, tends to be a narrow one.
      return right.kind === 'literal' && isComputed(left, columns) ? COMPUTED : BELOW;
    }
    default:
      return assertNever(op);
  }
}

function isComputed(expr: Expr, columns: KnownColumns): boolean {
  return expr.kind === 'column' && columns[expr.index] === undefined;
}

function equalShare(expr: Expr, columns: KnownColumns): number {
  const distinct = distinctOf(expr, columns);
  return distinct === undefined ? EQUAL : 1 / Math.max(1, distinct);
}

/** Years, months ... of a column: how many there can be. */
const fewParts: ReadonlyMap<string, number> = new Map([
  ['month', 12],
  ['quarter', 4],
  ['day', 31],
  ['dayofmonth', 31],
  ['dayofweek', 7],
  ['weekday', 7],
  ['isodow', 7],
  ['week', 53],
  ['hour', 24],
  ['minute', 60],
  ['second', 60],
]);

/** Different values of an expression, at most about: no more than the columns that it reads have together. */
export function distinctOf(expr: Expr, columns: KnownColumns): number | undefined {
  switch (expr.kind) {
    case 'column':
      return columns[expr.index]?.distinct;
    case 'literal':
      return 1;
    case 'compare':
    case 'and':
    case 'or':
    case 'not':
    case 'isNull':
    case 'isNotNull':
    case 'in':
      return 3;
    case 'cast':
      return distinctOf(expr.input, columns);
    case 'case':
      return productOf([...expr.whens.map(({ result }) => result), expr.otherwise], columns, (a, b) => a + b);
    case 'struct':
      return productOf(expr.values, columns, (a, b) => a * b);
    case 'call': {
      if (expr.volatile) return undefined;
      const inner = productOf(expr.args, columns, (a, b) => a * b);
      if (expr.name === 'year') return inner === undefined ? 100 : Math.ceil(inner / 365) + 1;
      const few = fewParts.get(expr.name);
      return few === undefined || inner === undefined ? (few ?? inner) : Math.min(few, inner);
    }
    case 'lambda':
    case 'lambdaParam':
      return undefined;
    default:
      return assertNever(expr);
  }
}

function productOf(
  exprs: readonly Expr[],
  columns: KnownColumns,
  combine: (a: number, b: number) => number,
): number | undefined {
  let total: number | undefined;
  for (const expr of exprs) {
    const distinct = distinctOf(expr, columns);
    if (distinct === undefined) return undefined;
    total = total === undefined ? distinct : combine(total, distinct);
  }
  return total;
}
