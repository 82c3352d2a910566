import { children, mapChildren, nodeExprs, type PlanNode, type WithNode, walk } from '../../plan/index.ts';
import { isVolatile } from '../expressions.ts';
import { samePlan } from '../nodes.ts';
import type { Rule } from '../rule.ts';

/**
 * Puts a CTE in the place of its reference when there is one, or when it is only constants or rows of another CTE; drops it when there is
 * none. A reference inside a recursive step is evaluated every round, and stays.
 *
 * ```
 * with x = filter(scan t)                 join
 *   join                           ->       filter(scan t)
 *     ref x                                 scan u
 *     scan u
 * ```
 */
export const inlineCtes: Rule = {
  name: 'inline-ctes',
  reason: 'first: filters and pruning reach into what was inlined',
  apply(plan) {
    const inlined = inline(plan);
    return samePlan(plan, inlined) ? undefined : inlined;
  },
};

function inline(node: PlanNode): PlanNode {
  const rebuilt = mapChildren(node, inline);
  return rebuilt.kind === 'with' ? inlineWith(rebuilt) : rebuilt;
}

function inlineWith(node: WithNode): PlanNode {
  const references = countReferences(node.body, node.cteId, false);
  if (references === 0) return node.body;
  if (references === 1 || isCheap(node.definition)) return replace(node.body, node);
  return node;
}

/** References to the CTE; one inside a recursive step counts as many. */
function countReferences(node: PlanNode, cteId: number, repeated: boolean): number {
  if (node.kind === 'cteRef') return node.cteId === cteId ? (repeated ? 2 : 1) : 0;
  if (node.kind === 'recursiveCte') {
    return countReferences(node.anchor, cteId, repeated) + countReferences(node.step, cteId, true);
  }
  return children(node).reduce((sum, child) => sum + countReferences(child, cteId, repeated), 0);
}

/** True when reading what the definition reads is no more work than reading its rows: constants, another CTE. */
function isCheap(definition: PlanNode): boolean {
  for (const node of walk(definition)) {
    const cheap =
      node.kind === 'values' || node.kind === 'cteRef' || node.kind === 'filter' || node.kind === 'project';
    if (!cheap || nodeExprs(node).some(isVolatile)) return false;
  }
  return true;
}

function replace(node: PlanNode, cte: WithNode): PlanNode {
  if (node.kind === 'cteRef' && node.cteId === cte.cteId) return cte.definition;
  return mapChildren(node, (child) => replace(child, cte));
}
