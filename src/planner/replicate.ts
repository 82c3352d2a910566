import { mapChildren, type PlanNode } from '../plan/index.ts';
import type { Distribution } from './distribution.ts';
import type { Estimator } from './estimate.ts';
import { type Placed, replicated } from './placement.ts';
import { isRepeatable } from './repeatable.ts';

/**
 * True when every task may run `node` for itself: small tables, constants, and what is simple to compute from them.
 */
export function canReplicate(node: PlanNode, distribution: Distribution): boolean {
  const { context, estimator } = distribution;
  return onlyBaseTables(node) && estimator.scannedBytes(node) <= context.broadcastBytes;
}

function onlyBaseTables(node: PlanNode): boolean {
  if (!isRepeatable(node)) return false;
  switch (node.kind) {
    case 'scan':
    case 'values':
      return true;
    case 'filter':
    case 'project':
      return onlyBaseTables(node.input);
    case 'join':
      return node.conditions.length > 0 && onlyBaseTables(node.left) && onlyBaseTables(node.right);
    default:
      return false;
  }
}

/** Rows up to which every task may merge partial results by itself. */
const FINAL_ROWS = 1_000;

/**
 * The last step over a few gathered rows, such as the merge of a global aggregate, done by every task for itself: it
 * saves a stage. Undefined where the step is more than that, or would not be the same in every task.
 */
export function finalEverywhere(placed: Placed, estimator: Estimator): Placed | undefined {
  if (placed.placement.kind !== 'single' || !isSmallFinal(placed.node, estimator)) return undefined;
  return { node: gatheredEverywhere(placed.node), placement: replicated };
}

function isSmallFinal(node: PlanNode, estimator: Estimator): boolean {
  if (node.kind === 'exchange')
    return node.to.kind === 'single' && estimator.estimate(node).rows <= FINAL_ROWS;
  if (!isRepeatable(node)) return false;
  if (node.kind === 'aggregate' || node.kind === 'project' || node.kind === 'filter') {
    return isSmallFinal(node.input, estimator);
  }
  return node.kind === 'join' && isSmallFinal(node.left, estimator) && isSmallFinal(node.right, estimator);
}

function gatheredEverywhere(node: PlanNode): PlanNode {
  if (node.kind === 'exchange') return { ...node, to: { kind: 'replicated' } };
  return mapChildren(node, gatheredEverywhere);
}

/** The plan with every table read whole. */
export function readWhole(node: PlanNode): PlanNode {
  if (node.kind === 'scan') return { ...node, read: 'all' };
  return mapChildren(node, readWhole);
}
