import type { Expr } from '../../plan/index.ts';
import { printExpr } from './print-expr.ts';
import { finish, tight } from './sql-text.ts';

/** Prints one expression; `columnName` gives the SQL of its input columns by position. */
export function printScalar(expr: Expr, columnName: (index: number) => string): string {
  return finish(printExpr(expr, (index) => tight(columnName(index))).sql);
}
