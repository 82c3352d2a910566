import type { AggregateCall, Expr, FrameBound, SortKey, WindowCall, WindowFrame } from '../../plan/index.ts';
import { type ColumnText, functionName, positionless, printExpr, printSortKey } from './print-expr.ts';
import { operand } from './sql-text.ts';

/** `sum(DISTINCT x ORDER BY y) FILTER (WHERE z)` */
export function printAggregate(call: AggregateCall, column: ColumnText): string {
  const args = printArguments(call.name, call.args, call.distinct, call.orderBy, false, column);
  return `${args}${printFilter(call.filter, column)}`;
}

/** `lag(x, 1 IGNORE NULLS) OVER (PARTITION BY a ORDER BY b ROWS BETWEEN ...)` */
export function printWindowCall(call: WindowCall, column: ColumnText): string {
  const args = printArguments(call.name, call.args, call.distinct, call.argOrder, call.ignoreNulls, column);
  const over: string[] = [];
  if (call.partitionBy.length > 0)
    over.push(
      `PARTITION BY ${call.partitionBy.map((expr) => positionless(printExpr(expr, column))).join(', ')}`,
    );
  if (call.orderBy.length > 0) over.push(`ORDER BY ${printSortKeys(call.orderBy, column)}`);
  if (call.frame !== undefined && !isDefaultFrame(call.frame, call.orderBy.length > 0))
    over.push(printFrame(call.frame, column));
  return `${args}${printFilter(call.filter, column)} OVER (${over.join(' ')})`;
}

function printSortKeys(keys: readonly SortKey[], column: ColumnText): string {
  return keys.map((key) => printSortKey(key, printExpr(key.expr, column))).join(', ');
}

function printArguments(
  name: string,
  args: readonly Expr[],
  distinct: boolean,
  orderBy: readonly SortKey[],
  ignoreNulls: boolean,
  column: ColumnText,
): string {
  const texts = args.map((arg) => printExpr(arg, column).sql);
  let inside = `${distinct ? 'DISTINCT ' : ''}${texts.join(', ')}`;
  if (name === 'count_star') return 'count(*)';
  if (orderBy.length > 0) inside += ` ORDER BY ${printSortKeys(orderBy, column)}`;
  if (ignoreNulls) inside += ' IGNORE NULLS';
  return `${functionName(name)}(${inside.trim()})`;
}

function printFilter(filter: Expr | undefined, column: ColumnText): string {
  return filter === undefined ? '' : ` FILTER (WHERE ${printExpr(filter, column).sql})`;
}

/** What SQL means without a frame. */
function isDefaultFrame({ unit, start, end, exclude }: WindowFrame, isOrdered: boolean): boolean {
  if (exclude !== 'NO OTHERS' || start.kind !== 'unboundedPreceding') return false;
  const endsHere = unit === 'RANGE' && end.kind === 'currentRow';
  return endsHere || (!isOrdered && end.kind === 'unboundedFollowing');
}

function printFrame(frame: WindowFrame, column: ColumnText): string {
  const between = `${frame.unit} BETWEEN ${printBound(frame.start, column)} AND ${printBound(frame.end, column)}`;
  return frame.exclude === 'NO OTHERS' ? between : `${between} EXCLUDE ${frame.exclude}`;
}

function printBound(bound: FrameBound, column: ColumnText): string {
  switch (bound.kind) {
    case 'unboundedPreceding':
      return 'UNBOUNDED PRECEDING';
    case 'currentRow':
      return 'CURRENT ROW';
    case 'unboundedFollowing':
      return 'UNBOUNDED FOLLOWING';
    case 'preceding':
    case 'following':
      return `${operand(printExpr(bound.offset, column))} ${bound.kind === 'preceding' ? 'PRECEDING' : 'FOLLOWING'}`;
  }
}
