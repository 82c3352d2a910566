import { assertNever } from '../common/index.ts';
import type { Expr } from './expression.ts';

/** The expressions directly inside `expr`. */
export function exprChildren(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'column':
    case 'literal':
    case 'lambdaParam':
      return [];
    case 'call':
    case 'and':
    case 'or':
      return expr.args;
    case 'struct':
      return expr.values;
    case 'cast':
    case 'not':
    case 'isNull':
    case 'isNotNull':
      return [expr.input];
    case 'compare':
      return [expr.left, expr.right];
    case 'in':
      return [expr.input, ...expr.list];
    case 'case':
      return [...expr.whens.flatMap(({ when, result }) => [when, result]), expr.otherwise];
    case 'lambda':
      return [expr.body];
    default:
      return assertNever(expr);
  }
}

/** Rebuilds `expr` with each direct child replaced by `map(child)`. */
export function mapExprChildren(expr: Expr, map: (child: Expr) => Expr): Expr {
  switch (expr.kind) {
    case 'column':
    case 'literal':
    case 'lambdaParam':
      return expr;
    case 'call':
    case 'and':
    case 'or':
      return { ...expr, args: expr.args.map(map) };
    case 'struct':
      return { ...expr, values: expr.values.map(map) };
    case 'cast':
    case 'not':
    case 'isNull':
    case 'isNotNull':
      return { ...expr, input: map(expr.input) };
    case 'compare':
      return { ...expr, left: map(expr.left), right: map(expr.right) };
    case 'in':
      return { ...expr, input: map(expr.input), list: expr.list.map(map) };
    case 'case':
      return {
        ...expr,
        whens: expr.whens.map(({ when, result }) => ({ when: map(when), result: map(result) })),
        otherwise: map(expr.otherwise),
      };
    case 'lambda':
      return { ...expr, body: map(expr.body) };
    default:
      return assertNever(expr);
  }
}

/** Visits `expr` and every expression inside it, parents first. */
export function* walkExpr(expr: Expr): Generator<Expr> {
  yield expr;
  for (const child of exprChildren(expr)) yield* walkExpr(child);
}

/** Replaces each column reference's position. */
export function remapColumns(expr: Expr, position: (index: number) => number): Expr {
  if (expr.kind === 'column') return { ...expr, index: position(expr.index) };
  return mapExprChildren(expr, (child) => remapColumns(child, position));
}
