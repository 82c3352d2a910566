import { mapChildren, type PlanNode } from '../plan/index.ts';
import type { Distribution } from './distribution.ts';
import { isRepeatable } from './repeatable.ts';

/** Share of the broadcast limit up to which every task reads a table itself: it costs no stage, but n scans. */
const READ_ALL_SHARE = 0.5;

/**
 * True when every task may run `node` for itself: small tables, constants, and what is simple to compute from them.
 */
export function canReplicate(node: PlanNode, distribution: Distribution): boolean {
  const { context, estimator } = distribution;
  return onlyBaseTables(node) && estimator.scannedBytes(node) <= context.broadcastBytes * READ_ALL_SHARE;
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

/** The plan with every table read whole. */
export function readWhole(node: PlanNode): PlanNode {
  if (node.kind === 'scan') return { ...node, read: 'all' };
  return mapChildren(node, readWhole);
}
