import { type AggregateCall, children, type Expr, type PlanNode, type WindowNode } from '../plan/index.ts';
import { columnsOf, isFloat } from './expressions.ts';
import { isNearlyOrderFree, isOrderFree, isRepeatable } from './repeatable.ts';
import type { StageOutput } from './stage-plan.ts';

/**
 * True when running a task again gives the same rows, as a multiset, in every partition. Floating-point sums come out
 * a little different each time; that matters only where rows are placed by them.
 */
export function isStageDeterministic(fragment: PlanNode, output: StageOutput): boolean {
  if (!isTreeDeterministic(fragment)) return false;
  return output.kind !== 'hash' || output.keys.every((key) => !dependsOnFloatSum(key, fragment));
}

function isTreeDeterministic(node: PlanNode): boolean {
  return isNodeDeterministic(node) && children(node).every(isTreeDeterministic);
}

function isNodeDeterministic(node: PlanNode): boolean {
  if (node.kind === 'aggregate') return node.aggregates.every((call) => isNearlyOrderFree(call));
  if (node.kind === 'window') return isWindowDeterministic(node);
  return isRepeatable(node);
}

/** Ranks are the same for ties; row numbers, frames by rows and first values are not. */
const tieFree = new Set(['rank', 'rank_dense', 'dense_rank', 'percent_rank', 'cume_dist']);

function isWindowDeterministic(node: WindowNode): boolean {
  return node.calls.every((call) => {
    if (tieFree.has(call.name)) return true;
    if (call.argOrder.length > 0) return false;
    const asAggregate: AggregateCall = { ...call, orderBy: [] };
    const byRows = call.orderBy.length > 0 && call.frame?.unit === 'ROWS';
    return !byRows && isNearlyOrderFree(asAggregate);
  });
}

/** True when the expression reads a floating-point value that an aggregate or a window of the fragment computed. */
function dependsOnFloatSum(expr: Expr, node: PlanNode): boolean {
  return [...columnsOf(expr)].some((index) => isFloatSum(index, node));
}

function isFloatSum(index: number, node: PlanNode): boolean {
  switch (node.kind) {
    case 'project': {
      const expr = node.exprs[index];
      return expr !== undefined && dependsOnFloatSum(expr, node.input);
    }
    case 'aggregate': {
      const group = node.groups[index];
      if (group !== undefined) return dependsOnFloatSum(group, node.input);
      const call = node.aggregates[index - node.groups.length];
      return call !== undefined && isFloat(call.type) && !isOrderFree(call);
    }
    case 'window': {
      const width = node.input.schema.length;
      if (index < width) return isFloatSum(index, node.input);
      const call = node.calls[index - width];
      return call !== undefined && isFloat(call.type);
    }
    case 'join': {
      const width = node.left.schema.length;
      if (index < width) return isFloatSum(index, node.left);
      return node.joinKind !== 'mark' && isFloatSum(index - width, node.right);
    }
    case 'filter':
    case 'sort':
    case 'limit':
    case 'distinct':
    case 'sample':
    case 'exchange':
      return isFloatSum(index, node.input);
    case 'unnest':
      return index >= node.input.schema.length || isFloatSum(index, node.input);
    case 'setOperation':
      return node.inputs.some((input) => isFloatSum(index, input));
    case 'scan':
    case 'values':
    case 'tableFunction':
    case 'stageInput':
    case 'cteRef':
      return false;
    case 'positionalJoin':
    case 'with':
    case 'recursiveCte':
      return isFloat(node.schema[index]?.type ?? { kind: 'scalar', name: 'DOUBLE' });
  }
}
