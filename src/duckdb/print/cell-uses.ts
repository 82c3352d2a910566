import { type Expr, walkExpr } from '../../plan/index.ts';
import { printExpr } from './print-expr.ts';
import type { Cell, CellForm, SelectBlock } from './select-block.ts';
import { type Fragment, operand } from './sql-text.ts';

/** Output positions of a node that someone above needs. */
export type Needed = ReadonlySet<number>;

const formRank: Readonly<Record<CellForm, number>> = {
  constant: 0,
  column: 1,
  computed: 2,
  aggregate: 3,
  window: 4,
  subquery: 5,
};

/** Longest aggregate that is written again instead of being named in a subquery. */
const repeatableLength = 80;

export function usesOf(exprs: readonly Expr[]): Map<number, number> {
  const uses = new Map<number, number>();
  for (const expr of exprs)
    for (const part of walkExpr(expr))
      if (part.kind === 'column') uses.set(part.index, (uses.get(part.index) ?? 0) + 1);
  return uses;
}

export function union(needed: Needed, exprs: readonly Expr[]): Set<number> {
  return new Set([...needed, ...usesOf(exprs).keys()]);
}

export function everyColumn(columns: readonly unknown[]): Set<number> {
  return new Set(columns.keys());
}

export function isVolatile(expr: Expr): boolean {
  for (const part of walkExpr(expr)) if (part.kind === 'call' && part.volatile) return true;
  return false;
}

/**
 * True when the expressions can be written over the block's cells as they are: each cell is of one of the forms, and
 * none is evaluated twice that would cost something or give another value.
 * @param kept positions that stay in the output beside the expressions
 */
export function canInline(
  block: SelectBlock,
  exprs: readonly Expr[],
  forms: readonly CellForm[],
  kept: Needed,
): boolean {
  for (const [index, count] of usesOf(exprs)) {
    const cell = block.cells[index];
    if (cell === undefined || !forms.includes(cell.form)) return false;
    if (cell.form === 'column' || cell.form === 'constant') continue;
    const uses = count + (kept.has(index) ? 1 : 0);
    const isRepeatable = cell.form === 'aggregate' && !cell.volatile && cell.sql.length <= repeatableLength;
    if (uses > 1 && !isRepeatable) return false;
  }
  return true;
}

/** The expression over the block's cells. */
export function inline(block: SelectBlock, expr: Expr): Fragment {
  return printExpr(expr, (index) => cellAt(block, index));
}

/** The expression as a new cell. */
export function inlineCell(block: SelectBlock, expr: Expr): Cell {
  if (expr.kind === 'column') return cellAt(block, expr.index);
  const forms = [...usesOf([expr]).keys()].map((index) => cellAt(block, index));
  const highest = forms.reduce<CellForm>(
    (form, cell) => (formRank[cell.form] > formRank[form] ? cell.form : form),
    expr.kind === 'literal' ? 'constant' : 'computed',
  );
  const volatile = isVolatile(expr) || forms.some((cell) => cell.volatile);
  return { ...inline(block, expr), form: highest, volatile };
}

export function cellAt(block: SelectBlock, index: number): Cell {
  const cell = block.cells[index];
  if (cell === undefined) throw new Error(`column ${index} was not asked for`);
  return cell;
}

/** A predicate's conjuncts, each fit to stand beside an AND. */
export function conjuncts(block: SelectBlock, predicate: Expr): string[] {
  if (predicate.kind === 'and') return predicate.args.flatMap((arg) => conjuncts(block, arg));
  const fragment = inline(block, predicate);
  return [predicate.kind === 'or' ? operand(fragment) : fragment.sql];
}
