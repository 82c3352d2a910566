import { children, type PlanNode, walk } from '../plan/index.ts';
import { formatType, wireType } from '../types/index.ts';
import { distribute } from './distribute.ts';
import { createEstimator, type Estimator } from './estimate.ts';
import type { Reasons } from './exchange.ts';
import { cutStages, isOrdered } from './fragment.ts';
import { isWhole } from './placement.ts';
import { rules } from './rules/index.ts';
import { mergeProjections } from './rules/merge-projections.ts';
import type { DistributedPlan, PlannerContext } from './stage-plan.ts';
import { rowWidth } from './widths.ts';

/** Rows up to which the coordinator computes joins, windows and the like itself, in the root fragment. */
const LIGHT_ROWS = 100_000;

/**
 * Plans a query over all workers. The same plan and context give the same stages.
 *
 * @param plan as bound: scans carry all of their table's columns
 */
export function planDistributed(plan: PlanNode, context: PlannerContext): DistributedPlan {
  const rewritten = applyRules(plan, context);
  const { placed, reasons } = distribute(rewritten, context);
  const estimator = createEstimator(context);
  estimator.estimate(placed.node);
  const root =
    isWhole(placed.placement) && runsOnCoordinator(placed.node, estimator)
      ? placed.node
      : gatherAll(placed.node);
  const stuck = typeThatCannotMove(root);
  if (stuck !== undefined) {
    return {
      ...planSingle(rewritten),
      notes: [`${stuck} cannot be moved between tasks: the query runs in one`],
    };
  }
  const notes = notesOf(root, reasons);
  const merged = mergeProjections.apply(root, context) ?? root;
  estimator.estimate(merged);
  return { ...cutStages(merged, context, estimator), notes };
}

/** Plans a query as one fragment over whole tables. */
export function planSingle(plan: PlanNode): DistributedPlan {
  return {
    stages: [],
    root: {
      id: 0,
      fragment: plan,
      output: { kind: 'gather' },
      tasks: { kind: 'single' },
      deterministic: false,
      ordered: isOrdered(plan),
      estimatedRows: 0,
      estimatedBytes: rowWidth(plan.schema),
    },
    notes: [],
  };
}

/** Applies the rewrites in their order. */
export function applyRules(plan: PlanNode, context: PlannerContext): PlanNode {
  return rules.reduce((current, rule) => rule.apply(current, context) ?? current, plan);
}

function gatherAll(node: PlanNode): PlanNode {
  return { kind: 'exchange', input: node, to: { kind: 'single' }, schema: node.schema };
}

/** The root reads stages only, and does little: the final steps of sorting, limiting and aggregating. */
function runsOnCoordinator(plan: PlanNode, estimator: Estimator): boolean {
  let light = true;
  for (const node of fragmentNodes(plan)) {
    switch (node.kind) {
      case 'scan':
      case 'recursiveCte':
        return false;
      case 'project':
      case 'filter':
      case 'sort':
      case 'limit':
      case 'exchange':
      case 'with':
      case 'cteRef':
        break;
      default:
        light &&= estimator.estimate(node).rows <= LIGHT_ROWS && inputRows(node, estimator) <= LIGHT_ROWS;
    }
  }
  return light;
}

function inputRows(node: PlanNode, estimator: Estimator): number {
  return children(node).reduce((sum, child) => sum + estimator.estimate(child).rows, 0);
}

/** The nodes above the first exchanges; of a CTE that is a stage, only what refers to it. */
function* fragmentNodes(node: PlanNode): Generator<PlanNode> {
  yield node;
  if (node.kind === 'exchange') return;
  for (const child of children(node)) yield* fragmentNodes(child);
}

/** The first type in an exchange that its files cannot hold. */
export function typeThatCannotMove(plan: PlanNode): string | undefined {
  for (const node of walk(plan)) {
    if (node.kind !== 'exchange') continue;
    const field = node.schema.find(({ type }) => wireType(type) === 'unsupported');
    if (field !== undefined) return formatType(field.type);
  }
  return undefined;
}

/** Why parts of the plan run in one task. */
export function notesOf(plan: PlanNode, reasons: Reasons): readonly string[] {
  const notes = new Set<string>();
  for (const node of walk(plan)) {
    const reason = reasons.get(node);
    if (reason !== undefined) notes.add(reason);
  }
  return [...notes];
}
