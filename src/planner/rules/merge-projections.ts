import { type Expr, mapChildren, type PlanNode, walkExpr } from '../../plan/index.ts';
import { isVolatile, substitute } from '../expressions.ts';
import { samePlan } from '../nodes.ts';
import type { Rule } from '../rule.ts';

/**
 * Puts a projection of a projection into one, and drops a projection that changes nothing but names.
 *
 * ```
 * project [#1 + 1]              project [#4 + 1]
 *   project [#0, #4]     ->       scan
 *     scan
 * ```
 *
 * An inner expression that does work is taken over only when it is read once, so that nothing is computed twice, and a
 * volatile one never.
 */
export const mergeProjections: Rule = {
  name: 'merge-projections',
  reason:
    'binding and column pruning leave projections of plain columns everywhere; filters see through them after',
  apply(plan) {
    const merged = merge(plan, true);
    return samePlan(plan, merged) ? undefined : merged;
  },
};

function merge(node: PlanNode, isRoot: boolean): PlanNode {
  const rebuilt = mapChildren(node, (child) => merge(child, false));
  return rebuilt.kind === 'project' ? mergeInto(rebuilt, isRoot) : rebuilt;
}

function mergeInto(node: Extract<PlanNode, { kind: 'project' }>, isRoot: boolean): PlanNode {
  const inner = node.input;
  if (inner.kind === 'project' && canMerge(node.exprs, inner.exprs)) {
    const exprs = node.exprs.map((expr) => substitute(expr, (index) => inner.exprs[index] ?? expr));
    return mergeInto({ ...node, input: inner.input, exprs }, isRoot);
  }
  return isTrivial(node, isRoot) ? inner : node;
}

/** True when no inner expression that costs something, or is volatile, would be evaluated more than once. */
function canMerge(outer: readonly Expr[], inner: readonly Expr[]): boolean {
  const uses = new Map<number, number>();
  for (const expr of outer) {
    for (const part of walkExpr(expr)) {
      if (part.kind === 'column') uses.set(part.index, (uses.get(part.index) ?? 0) + 1);
      // A lambda's body runs once an element.
      if (part.kind === 'lambda') for (const inside of walkExpr(part.body)) countTwice(inside, uses);
    }
  }
  return inner.every((expr, index) => {
    if (isVolatile(expr)) return false;
    return isCheap(expr) || (uses.get(index) ?? 0) <= 1;
  });
}

function countTwice(expr: Expr, uses: Map<number, number>): void {
  if (expr.kind === 'column') uses.set(expr.index, (uses.get(expr.index) ?? 0) + 2);
}

function isCheap(expr: Expr): boolean {
  return expr.kind === 'column' || expr.kind === 'literal';
}

/** True when the output is the input, column by column; names matter at the root only. */
function isTrivial(node: Extract<PlanNode, { kind: 'project' }>, isRoot: boolean): boolean {
  const { input } = node;
  const identity =
    node.exprs.length === input.schema.length &&
    node.exprs.every((expr, index) => expr.kind === 'column' && expr.index === index);
  return (
    identity && (!isRoot || node.schema.every((field, index) => field.name === input.schema[index]?.name))
  );
}
