import { assertNever } from '../common/index.ts';
import type { Expr, PlanNode, SortKey } from '../plan/index.ts';
import type { Schema } from '../types/index.ts';
import { distribute } from './distribute.ts';
import { createEstimator } from './estimate.ts';
import { gather, repartition } from './exchange.ts';
import { isHashKey } from './expressions.ts';
import { cutStages } from './fragment.ts';
import { colocates, isWhole, type Placed } from './placement.ts';
import { applyRules, notesOf, planSingle, typeThatCannotMove } from './plan-distributed.ts';
import { mergeProjections } from './rules/merge-projections.ts';
import { distinctOf } from './selectivity.ts';
import type { DistributedPlan, PlannerContext, StagePlan } from './stage-plan.ts';

/** Which task may write which rows. Keys are over the query's output. */
export type WriteSink =
  /** Rows are written wherever the query's last step leaves them. */
  | { readonly kind: 'any' }
  /**
   * Rows with equal keys are written by one task. Unless `always`, only where the keys are thought to have so many
   * values that each task would write a small file for each of them.
   */
  | { readonly kind: 'hash'; readonly keys: readonly Expr[]; readonly always: boolean }
  /** One task writes all rows in order. */
  | { readonly kind: 'sorted'; readonly keys: readonly SortKey[] };

/** A plan whose last stage before the root writes a table; the root passes on what that stage says of its files. */
export interface WritePlan extends DistributedPlan {
  /** Id of the stage that writes. */
  readonly writer: number;
}

/** Files that all tasks together may write before rows are moved so that each value has one writer. */
const MANY_FILES = 64;

/**
 * Plans a query whose rows become files, over all workers. The same plan, context and sink give the same stages.
 *
 * @param plan as bound: scans carry all of their table's columns
 * @param described columns of the rows that describe files
 */
export function planWrite(
  plan: PlanNode,
  context: PlannerContext,
  sink: WriteSink,
  described: Schema,
): WritePlan {
  const rewritten = applyRules(plan, context);
  const { placed, reasons } = distribute(rewritten, context);
  const node = placeSink(placed, sink, context);
  const stuck = typeThatCannotMove(node);
  if (stuck !== undefined) {
    const single = planSingle(rewritten);
    const notes = [`${stuck} cannot be moved between tasks: the query runs in one`];
    return withRoot({ stages: [], writer: single.root, notes }, described);
  }
  const estimator = createEstimator(context);
  estimator.estimate(node);
  const merged = mergeProjections.apply(node, context) ?? node;
  estimator.estimate(merged);
  const { stages, root } = cutStages(merged, context, estimator);
  return withRoot({ stages, writer: root, notes: notesOf(merged, reasons) }, described);
}

function placeSink(placed: Placed, sink: WriteSink, context: PlannerContext): PlanNode {
  switch (sink.kind) {
    case 'any':
      return placed.node;
    case 'hash': {
      const keys = sink.keys.filter(isHashKey);
      const settled = isWhole(placed.placement) || keys.length === 0 || colocates(placed.placement, keys);
      if (settled || !(sink.always || manyFiles(placed.node, keys, context))) return placed.node;
      return repartition(placed, keys, context.parallelism).node;
    }
    case 'sorted': {
      const input = gather(placed).node;
      return { kind: 'sort', input, keys: sink.keys, schema: input.schema };
    }
    default:
      return assertNever(sink);
  }
}

/** Unknown values are thought to be many: small files cost every later query. */
function manyFiles(node: PlanNode, keys: readonly Expr[], context: PlannerContext): boolean {
  const { rows, columns } = createEstimator(context).estimate(node);
  let values = 1;
  for (const key of keys) {
    const known = key.kind === 'column' ? columns[key.index]?.distinct : distinctOf(key, columns);
    values *= known ?? rows;
  }
  return Math.min(values, rows) * context.parallelism > MANY_FILES;
}

function withRoot(
  plan: {
    readonly stages: readonly StagePlan[];
    readonly writer: StagePlan;
    readonly notes: readonly string[];
  },
  described: Schema,
): WritePlan {
  const { stages, notes } = plan;
  const writer: StagePlan = { ...plan.writer, id: stages.length };
  const root: StagePlan = {
    id: stages.length + 1,
    fragment: { kind: 'stageInput', stage: writer.id, read: 'all', schema: described },
    output: { kind: 'gather' },
    tasks: { kind: 'single' },
    deterministic: true,
    ordered: false,
    estimatedRows: writer.tasks.kind === 'parallel' ? writer.tasks.count : 1,
    estimatedBytes: 0,
  };
  return { stages: [...stages, writer], root, writer: writer.id, notes };
}
