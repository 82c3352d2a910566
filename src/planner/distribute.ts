import { assertNever } from '../common/index.ts';
import {
  children,
  type DistinctNode,
  type Expr,
  type LimitNode,
  mapChildren,
  nodeExprs,
  type PlanNode,
  type RecursiveCteNode,
  type SampleNode,
  type ScanNode,
  type SetOperationNode,
  type WindowNode,
  type WithNode,
  walk,
} from '../plan/index.ts';
import { placeAggregate } from './distribute-aggregate.ts';
import { placeJoin, wish } from './distribute-join.ts';
import type { Distribution } from './distribution.ts';
import { createEstimator, scanSize } from './estimate.ts';
import { broadcastAsStage, gather, type Reasons, repartition } from './exchange.ts';
import {
  BIGINT,
  column,
  exprKey,
  integerLiteral,
  isHashKey,
  isVolatile,
  literal,
  sameExpr,
} from './expressions.ts';
import { allColumns, columnAt } from './nodes.ts';
import {
  arbitrary,
  colocates,
  hashed,
  isWhole,
  type Placed,
  type Placement,
  projectPlacement,
  replicated,
  single,
} from './placement.ts';
import { isRepeatable } from './repeatable.ts';
import { readWhole } from './replicate.ts';
import type { PlannerContext } from './stage-plan.ts';

/** Up to here a CTE's rows are cheaper read whole by every task than placed by a key. */
const SMALL_CTE_BYTES = 1 << 20;

/**
 * Puts exchanges into the plan, only where the rows are not where a node needs them. CTEs that are referred to more
 * than once keep their `with`, its definition under an exchange.
 */
export function distribute(
  plan: PlanNode,
  context: PlannerContext,
): { readonly placed: Placed; readonly reasons: Reasons } {
  const byShards = runTwice(plan, context, true);
  if (!readsShards(byShards.placed.node)) return byShards;
  // Shards may be of different sizes: a plan goes by them only where it moves less for it.
  const bySplits = runTwice(plan, context, false);
  return countMoves(byShards.placed.node) < countMoves(bySplits.placed.node) ? byShards : bySplits;
}

/** The second time with CTEs placed by the keys that they were wanted by. */
function runTwice(plan: PlanNode, context: PlannerContext, useShards: boolean): ReturnType<typeof run> {
  const first = run(plan, context, new Map(), useShards);
  if (first.wishes.size === 0) return first;
  const granted = new Map([...first.wishes].map(([cteId, wishes]) => [cteId, mostWanted(wishes)]));
  return run(plan, context, granted, useShards);
}

function readsShards(plan: PlanNode): boolean {
  for (const node of walk(plan)) if (node.kind === 'scan' && node.read === 'shard') return true;
  return false;
}

function countMoves(plan: PlanNode): number {
  let moves = 0;
  for (const node of walk(plan)) if (node.kind === 'exchange') moves += 1;
  return moves;
}

function run(
  plan: PlanNode,
  context: PlannerContext,
  granted: ReadonlyMap<number, readonly Expr[]>,
  useShards: boolean,
): { readonly placed: Placed; readonly reasons: Reasons; readonly wishes: Distribution['wishes'] } {
  const estimator = createEstimator(context);
  estimator.estimate(plan);
  const distribution: Distribution = {
    context,
    estimator,
    ctes: new Map(),
    wishes: new Map(),
    granted,
    useShards,
    reasons: new WeakMap(),
    place: (node) => place(node, distribution),
  };
  const placed = place(plan, distribution);
  return { placed, reasons: distribution.reasons, wishes: distribution.wishes };
}

function mostWanted(wishes: readonly (readonly Expr[])[]): readonly Expr[] {
  const counts = new Map<string, { count: number; keys: readonly Expr[] }>();
  for (const keys of wishes) {
    const name = keys.map(exprKey).join(';');
    counts.set(name, { count: (counts.get(name)?.count ?? 0) + 1, keys });
  }
  const [best] = [...counts.values()].sort((a, b) => b.count - a.count);
  return best?.keys ?? [];
}

function place(node: PlanNode, distribution: Distribution): Placed {
  switch (node.kind) {
    case 'scan':
      return placeScan(node, distribution);
    case 'values':
    case 'tableFunction':
      return { node, placement: isRepeatable(node) ? replicated : single };
    case 'filter':
    case 'unnest':
    case 'sort':
      return placeUnary(node, distribution);
    case 'project': {
      const placed = placeUnary(node, distribution);
      return { ...placed, placement: projectPlacement(placed.placement, node.exprs) };
    }
    case 'aggregate':
      return placeAggregate(node, distribution);
    case 'join':
      return placeJoin(node, distribution);
    case 'window':
      return placeWindow(node, distribution);
    case 'limit':
      return placeLimit(node, distribution);
    case 'distinct':
      return placeDistinct(node, distribution);
    case 'setOperation':
      return placeSetOperation(node, distribution);
    case 'sample':
      return placeSample(node, distribution);
    case 'with':
      return placeWith(node, distribution);
    case 'cteRef':
      return { node, placement: distribution.ctes.get(node.cteId) ?? single };
    case 'recursiveCte':
      return placeRecursion(node, distribution);
    case 'positionalJoin':
      return placeInFileOrder(node, distribution);
    case 'exchange':
    case 'stageInput':
      throw new Error(`a plan that is not distributed yet has no ${node.kind}`);
    default:
      return assertNever(node);
  }
}

function placeScan(node: ScanNode, distribution: Distribution): Placed {
  const { context } = distribution;
  if (context.parallelism === 1 || scanSize(context.table(node.table), node).splitCount <= 1) {
    return { node: { ...node, read: 'all' }, placement: single };
  }
  const keys = distribution.useShards ? shardKeys(node, context) : undefined;
  if (keys === undefined) return { node: { ...node, read: 'split' }, placement: arbitrary };
  return { node: { ...node, read: 'shard' }, placement: keys };
}

/** The placement of a table that is read by its shards; undefined where these are too few, or their keys are not read. */
function shardKeys(node: ScanNode, { table, parallelism }: PlannerContext): Placement | undefined {
  const { sharding } = table(node.table);
  if (sharding === undefined || sharding.shards < parallelism) return undefined;
  const keys = sharding.columns.map((position) => node.columns.indexOf(position));
  if (keys.includes(-1)) return undefined;
  const placement = hashed(
    keys.map((index) => [column(index, columnAt(node.schema, index).type)]),
    sharding.shards,
  );
  return placement.kind === 'hash' ? placement : undefined;
}

/** Row by row; a sort first brings all rows together. */
function placeUnary(
  node: Extract<PlanNode, { kind: 'filter' | 'unnest' | 'sort' | 'project' }>,
  distribution: Distribution,
): Placed {
  const below = distribution.place(node.input);
  const input = node.kind === 'sort' ? gather(below) : below;
  return { node: { ...node, input: input.node }, placement: onceIfNeeded(node, input.placement) };
}

/** What is not the same each time it runs must not run in every task. */
function onceIfNeeded(node: PlanNode, placement: Placement): Placement {
  return placement.kind === 'replicated' && !isRepeatable(node) ? single : placement;
}

function placeLimit(node: LimitNode, distribution: Distribution): Placed {
  const input = distribution.place(node.input);
  if (isWhole(input.placement)) return { node: { ...node, input: input.node }, placement: single };
  const count = integerLiteral(node.count);
  const offset = node.offset === undefined ? 0 : integerLiteral(node.offset);
  if (node.percent || count === undefined || offset === undefined) {
    const reason = { reasons: distribution.reasons, text: 'this LIMIT or OFFSET needs all rows in one task' };
    return { node: { ...node, input: gather(input, reason).node }, placement: single };
  }
  const enough = literal(String(count + offset), BIGINT);
  const partial: PlanNode = { ...node, input: input.node, count: enough, offset: undefined };
  const gathered = gather({ node: partial, placement: input.placement });
  return { node: { ...node, input: gathered.node }, placement: single };
}

function placeDistinct(node: DistinctNode, distribution: Distribution): Placed {
  const input = distribution.place(node.input);
  if (isWhole(input.placement)) {
    return { node: { ...node, input: input.node }, placement: onceIfNeeded(node, input.placement) };
  }
  const keys = (node.on ?? allColumns(node.schema)).filter(isHashKey);
  if (keys.length > 0 && colocates(input.placement, keys)) {
    return { node: { ...node, input: input.node }, placement: input.placement };
  }
  wish(input, keys, distribution);
  const partial: Placed = { node: { ...node, input: input.node }, placement: arbitrary };
  const moved =
    keys.length === 0 ? gather(partial) : repartition(partial, keys, distribution.context.parallelism);
  return { node: { ...node, input: moved.node }, placement: moved.placement };
}

/** All calls over the same rows: they move by what every PARTITION BY shares. */
function placeWindow(node: WindowNode, distribution: Distribution): Placed {
  const input = distribution.place(node.input);
  if (isWhole(input.placement)) return { node: { ...node, input: input.node }, placement: single };
  const [first, ...others] = node.calls;
  const common = (first?.partitionBy ?? []).filter(
    (key) => isHashKey(key) && others.every((call) => call.partitionBy.some((other) => sameExpr(other, key))),
  );
  if (common.length === 0) {
    const text = 'a window over all rows (no common PARTITION BY) runs in one task';
    const gathered = gather(input, { reasons: distribution.reasons, text });
    return { node: { ...node, input: gathered.node }, placement: single };
  }
  if (colocates(input.placement, common))
    return { node: { ...node, input: input.node }, placement: input.placement };
  wish(input, common, distribution);
  const moved = repartition(input, common, distribution.context.parallelism);
  return { node: { ...node, input: moved.node }, placement: moved.placement };
}

function placeSetOperation(node: SetOperationNode, distribution: Distribution): Placed {
  const inputs = node.inputs.map((input) => distribution.place(input));
  if (inputs.every(({ placement }) => isWhole(placement))) {
    const every = inputs.every(({ placement }) => placement.kind === 'replicated');
    return {
      node: { ...node, inputs: inputs.map((input) => input.node) },
      placement: every ? replicated : single,
    };
  }
  const keys = allColumns(node.schema).filter(isHashKey);
  if (keys.length === 0) {
    const gathered = inputs.map((input) => gather(input));
    return { node: { ...node, inputs: gathered.map((input) => input.node) }, placement: single };
  }
  const move = (input: Placed): Placed => {
    wish(input, keys, distribution);
    return repartition(input, keys, distribution.context.parallelism);
  };
  if (node.op === 'union') {
    // What is whole must come from one task only; what is spread stays where it is.
    const spread = inputs.map((input) => (isWhole(input.placement) ? move(input) : input));
    return { node: { ...node, inputs: spread.map((input) => input.node) }, placement: samePlacement(spread) };
  }
  const moved = inputs.map(move);
  return { node: { ...node, inputs: moved.map((input) => input.node) }, placement: samePlacement(moved) };
}

/** The placement that all inputs share by position; arbitrary when they differ. */
function samePlacement(inputs: readonly Placed[]): Placement {
  const [first, ...others] = inputs.map((input) => input.placement);
  if (first?.kind !== 'hash') return arbitrary;
  const keys = first.keys.map((key, index) =>
    key.filter((member) =>
      others.every(
        (other) =>
          other.kind === 'hash' &&
          other.shards === first.shards &&
          other.keys.length === first.keys.length &&
          (other.keys[index] ?? []).some((candidate) => sameExpr(candidate, member)),
      ),
    ),
  );
  return hashed(keys, first.shards);
}

/** Each row is drawn by itself under BERNOULLI, each vector under SYSTEM; a reservoir, or a seed, is one task's. */
function placeSample(node: SampleNode, distribution: Distribution): Placed {
  const input = distribution.place(node.input);
  const anywhere = node.percent && node.seed === undefined && node.method !== 'reservoir';
  if (anywhere && !isWhole(input.placement)) {
    return { node: { ...node, input: input.node }, placement: input.placement };
  }
  const reason = {
    reasons: distribution.reasons,
    text: 'a sample of fixed size or with a seed is drawn in one task',
  };
  return { node: { ...node, input: gather(input, reason).node }, placement: single };
}

/** The definition becomes a stage: small ones are read whole by all, others by the keys they are most wanted by. */
function placeWith(node: WithNode, distribution: Distribution): Placed {
  const { context, estimator, granted } = distribution;
  const definition = distribution.place(node.definition);
  const small = estimator.bytes(node.definition) <= Math.min(context.broadcastBytes, SMALL_CTE_BYTES);
  const wished = granted.get(node.cteId);
  const keys = (wished ?? allColumns(node.definition.schema)).filter(isHashKey);
  const stored =
    keys.length === 0 || small
      ? broadcastAsStage(definition)
      : repartition(definition, keys, context.parallelism);
  distribution.ctes.set(node.cteId, stored.placement);
  const body = distribution.place(node.body);
  return { node: { ...node, definition: stored.node, body: body.node }, placement: body.placement };
}

/** The recursion is one task's; what it reads from outside is computed in parallel and gathered. */
function placeRecursion(node: RecursiveCteNode, distribution: Distribution): Placed {
  const reason = { reasons: distribution.reasons, text: 'a recursive CTE runs in one task' };
  const inside = new Set([node.cteId]);
  const keepInside = (part: PlanNode): PlanNode => {
    if (!refersTo(part, inside) && !isVolatileTree(part))
      return gather(distribution.place(part), reason).node;
    if (part.kind === 'scan') return { ...part, read: 'all' };
    if (part.kind === 'with' || part.kind === 'recursiveCte') inside.add(part.cteId);
    return mapChildren(part, keepInside);
  };
  const anchor = gather(distribution.place(node.anchor), reason);
  return { node: { ...node, anchor: anchor.node, step: keepInside(node.step) }, placement: single };
}

/** Rows meet by their place in the files: one task reads these in order, and computes all that lies below. */
function placeInFileOrder(node: PlanNode, distribution: Distribution): Placed {
  const outside = (part: PlanNode): PlanNode => {
    if (part.kind === 'cteRef' && distribution.ctes.has(part.cteId))
      return gather(distribution.place(part)).node;
    return mapChildren(part, outside);
  };
  const whole = outside(readWhole(node));
  distribution.reasons.set(whole, 'a positional join reads its tables in order in one task');
  return { node: whole, placement: single };
}

function refersTo(node: PlanNode, cteIds: ReadonlySet<number>): boolean {
  for (const part of walk(node)) if (part.kind === 'cteRef' && cteIds.has(part.cteId)) return true;
  return false;
}

function isVolatileTree(node: PlanNode): boolean {
  return nodeExprs(node).some(isVolatile) || children(node).some(isVolatileTree);
}
