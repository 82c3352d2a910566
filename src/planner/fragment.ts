import type { ExchangeNode, PlanNode, StageInputNode, WithNode } from '../plan/index.ts';
import { mapChildren, walk } from '../plan/index.ts';
import { isStageDeterministic } from './deterministic.ts';
import type { Estimator } from './estimate.ts';
import type { PlannerContext, StageOutput, StagePlan, StageTasks } from './stage-plan.ts';
import { rowWidth } from './widths.ts';

/** The stages so far, and how the CTEs among them are read. */
interface Cut {
  readonly stages: StagePlan[];
  /** Stages by what they compute: equal ones run once. */
  readonly known: Map<string, StagePlan>;
  readonly ctes: Map<number, { readonly stage: number; readonly read: StageInputNode['read'] }>;
  readonly context: PlannerContext;
  readonly estimator: Estimator;
}

/** Cuts a plan at its exchanges. Producers come before their consumers; the last stage is the plan's own. */
export function cutStages(
  plan: PlanNode,
  context: PlannerContext,
  estimator: Estimator,
): { readonly stages: readonly StagePlan[]; readonly root: StagePlan } {
  const cut: Cut = { stages: [], known: new Map(), ctes: new Map(), context, estimator };
  const fragment = cutBelow(plan, cut);
  const root = makeStage(cut.stages.length, fragment, { kind: 'gather' }, plan, cut);
  return { stages: cut.stages, root };
}

/** The fragment of `node`: every exchange below becomes a stage and its input. */
function cutBelow(node: PlanNode, cut: Cut): PlanNode {
  if (node.kind === 'exchange') return cutExchange(node, cut);
  if (node.kind === 'with' && node.definition.kind === 'exchange') return cutWith(node, node.definition, cut);
  if (node.kind === 'cteRef') {
    const stage = cut.ctes.get(node.cteId);
    return stage === undefined ? node : stageInput(node, stage.stage, stage.read);
  }
  return mapChildren(node, (child) => cutBelow(child, cut));
}

function cutExchange(node: ExchangeNode, cut: Cut): PlanNode {
  const everything = node.to.kind !== 'hash';
  if (node.input.kind === 'cteRef' && everything) {
    const stage = cut.ctes.get(node.input.cteId);
    if (stage !== undefined) return stageInput(node, stage.stage, 'all');
  }
  const stage = addStage(cutBelow(node.input, cut), node, cut);
  return stageInput(node, stage.id, everything ? 'all' : 'partition');
}

function cutWith(node: WithNode, definition: ExchangeNode, cut: Cut): PlanNode {
  const stage = addStage(cutBelow(definition.input, cut), definition, cut);
  cut.ctes.set(node.cteId, { stage: stage.id, read: definition.to.kind === 'hash' ? 'partition' : 'all' });
  return cutBelow(node.body, cut);
}

function stageInput(node: PlanNode, stage: number, read: StageInputNode['read']): StageInputNode {
  return { kind: 'stageInput', stage, read, schema: node.schema };
}

function addStage(fragment: PlanNode, exchange: ExchangeNode, cut: Cut): StagePlan {
  const output: StageOutput = exchange.to.kind === 'hash' ? exchange.to : { kind: 'gather' };
  const stage = makeStage(cut.stages.length, fragment, output, exchange.input, cut);
  const name = JSON.stringify([stage.fragment, stage.output]);
  const same = stage.deterministic ? cut.known.get(name) : undefined;
  if (same !== undefined) return same;
  cut.known.set(name, stage);
  cut.stages.push(stage);
  return stage;
}

function makeStage(
  id: number,
  fragment: PlanNode,
  output: StageOutput,
  original: PlanNode,
  cut: Cut,
): StagePlan {
  const rows = cut.estimator.estimate(original).rows;
  return {
    id,
    fragment,
    output,
    tasks: tasksOf(fragment, cut.context.parallelism),
    deterministic: isStageDeterministic(fragment, output),
    ordered: isOrdered(fragment),
    estimatedRows: Math.round(rows),
    estimatedBytes: Math.round(rows * rowWidth(fragment.schema)),
  };
}

function tasksOf(fragment: PlanNode, count: number): StageTasks {
  for (const node of walk(fragment)) {
    if (
      (node.kind === 'scan' && node.read !== 'all') ||
      (node.kind === 'stageInput' && node.read === 'partition')
    ) {
      return { kind: 'parallel', count };
    }
  }
  return { kind: 'single' };
}

/** True when the fragment's rows come in an order that something asked for, or in that of the files. */
export function isOrdered(node: PlanNode): boolean {
  switch (node.kind) {
    case 'sort':
      return true;
    case 'limit':
      return node.keys.length > 0 || isOrdered(node.input);
    case 'project':
    case 'filter':
      return isOrdered(node.input);
    case 'with':
      return isOrdered(node.body);
    default:
      return [...walk(node)].some((part) => part.kind === 'positionalJoin');
  }
}
