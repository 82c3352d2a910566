import { type Expr, mapChildren, type PlanNode } from '../../plan/index.ts';
import { columnsOf, conjuncts, isPruning, trySubstitute } from '../expressions.ts';
import { samePlan } from '../nodes.ts';
import type { Rule } from '../rule.ts';

/**
 * Tells each scan what the filters right above it let through, so that files and row groups can be left out. The
 * filters stay.
 *
 * ```
 * filter #1 > 5 and f(#0)            filter #1 > 5 and f(#0)
 *   scan t prune []           ->       scan t prune [#1 > 5]
 * ```
 */
export const pruneScans: Rule = {
  name: 'prune-scans',
  reason: 'last: the filters stand where they will stay',
  apply(plan) {
    const pruned = prune(plan, []);
    return samePlan(plan, pruned) ? undefined : pruned;
  },
};

/** `terms` hold for every row of `node` that matters above it. */
function prune(node: PlanNode, terms: readonly Expr[]): PlanNode {
  switch (node.kind) {
    case 'scan': {
      const usable = terms.filter((term) => isPruning(term) && columnsOf(term).size > 0);
      return { ...node, prune: usable };
    }
    case 'filter': {
      const input = prune(node.input, [...terms, ...conjuncts(node.predicate)]);
      return input === node.input ? node : { ...node, input };
    }
    case 'project': {
      const below = terms.flatMap((term) => {
        const moved = trySubstitute(term, (index) => node.exprs[index]);
        return moved === undefined ? [] : [moved];
      });
      const input = prune(node.input, below);
      return input === node.input ? node : { ...node, input };
    }
    default:
      return mapChildren(node, (child) => prune(child, []));
  }
}
