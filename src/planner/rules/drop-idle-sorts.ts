import { mapChildren, type PlanNode } from '../../plan/index.ts';
import { samePlan } from '../nodes.ts';
import { isNearlyOrderFree } from '../repeatable.ts';
import type { Rule } from '../rule.ts';

/**
 * Drops an ORDER BY below an operator that pays no attention to order.
 *
 * ```
 * aggregate: count(*)            aggregate: count(*)
 *   sort: a                ->      input
 *     input
 * ```
 *
 * Kept below everything else: list(x) over an ordered subquery gives an ordered list in DuckDB, and a LIMIT its first
 * rows.
 */
export const dropIdleSorts: Rule = {
  name: 'drop-idle-sorts',
  reason: 'before distribution, which gathers all rows for a sort',
  apply(plan) {
    const dropped = drop(plan, false);
    return samePlan(plan, dropped) ? undefined : dropped;
  },
};

/** @param idle true when the order of this node's rows does not matter above it */
function drop(node: PlanNode, idle: boolean): PlanNode {
  switch (node.kind) {
    case 'sort':
      return idle ? drop(node.input, true) : mapChildren(node, (child) => drop(child, true));
    case 'aggregate': {
      const free = node.aggregates.every(isNearlyOrderFree);
      return mapChildren(node, (child) => drop(child, free));
    }
    case 'filter':
    case 'project':
    case 'unnest':
      return mapChildren(node, (child) => drop(child, idle));
    case 'join': {
      // The right side of these only says yes or no.
      const asks = node.joinKind === 'semi' || node.joinKind === 'anti' || node.joinKind === 'mark';
      return { ...node, left: drop(node.left, idle), right: drop(node.right, idle || asks) };
    }
    case 'limit':
      return mapChildren(node, (child) => drop(child, node.keys.length > 0));
    case 'distinct':
      return mapChildren(node, (child) => drop(child, idle && node.on === undefined));
    default:
      return mapChildren(node, (child) => drop(child, false));
  }
}
