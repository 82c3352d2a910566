import type { Expr, JoinCondition, JoinKind, JoinNode } from '../plan/index.ts';
import { sameType } from '../types/index.ts';
import { isNullGuard, keepAsofNulls } from './asof-nulls.ts';
import type { Distribution } from './distribution.ts';
import { broadcast, gather, repartition, traceToCte } from './exchange.ts';
import { isHashKey, sameExpr } from './expressions.ts';
import {
  arbitrary,
  type HashKey,
  hashed,
  isPlacedBy,
  isWhole,
  type Placed,
  type Placement,
  replicated,
  shiftPlacement,
  single,
  withEqualities,
} from './placement.ts';
import { isRepeatable } from './repeatable.ts';
import { canReplicate, finalEverywhere, readWhole } from './replicate.ts';

/** What a stage costs by itself, in bytes that could be moved in that time. */
const STAGE_BYTES = 4 << 20;

/** What reading a byte of a table's compressed file costs, in bytes moved. */
const SCAN_COST = 3;

/** Joins that give rows of the left side only once each, so that all tasks may hold the right side. */
const rightMayBeEverywhere: ReadonlySet<JoinKind> = new Set([
  'inner',
  'left',
  'semi',
  'anti',
  'mark',
  'single',
  'asofInner',
  'asofLeft',
]);
/** ASOF looks for the best match over all of the right side, so its right side is never cut by broadcasting the left. */
const leftMayBeEverywhere: ReadonlySet<JoinKind> = new Set(['inner', 'right']);

/** A way to run a join. `cost` is in bytes moved, about. */
interface Option {
  readonly cost: number;
  readonly run: () => Placed;
}

export function placeJoin(written: JoinNode, distribution: Distribution): Placed {
  const node = keepAsofNulls(written, distribution);
  const left = distribution.place(node.left);
  const right = distribution.place(node.right);
  if (isWhole(left.placement) && isWhole(right.placement)) {
    const both = left.placement.kind === 'replicated' && right.placement.kind === 'replicated';
    return joined(node, left, right, both && isRepeatable(node) ? replicated : single);
  }
  const options = [
    ...hashOptions(node, left, right, distribution),
    ...broadcastOptions(node, left, right, distribution),
    ...gatherOptions(node, left, right, distribution),
  ];
  const best = options.reduce<Option | undefined>(
    (least, option) => (least === undefined || option.cost < least.cost ? option : least),
    undefined,
  );
  if (best !== undefined) return best.run();
  const reason = {
    reasons: distribution.reasons,
    text: `a ${joinName(node.joinKind)} join without an equality runs in one task`,
  };
  return joined(node, gather(left, reason), gather(right, reason), single);
}

function joinName(kind: JoinKind): string {
  return kind.startsWith('asof') ? 'ASOF' : kind.toUpperCase();
}

function joined(node: JoinNode, left: Placed, right: Placed, placement: Placement): Placed {
  return { node: { ...node, left: left.node, right: right.node }, placement };
}

function broadcastOptions(
  node: JoinNode,
  left: Placed,
  right: Placed,
  distribution: Distribution,
): readonly Option[] {
  const width = node.left.schema.length;
  const options: Option[] = [];
  const inner = node.joinKind === 'inner' || node.joinKind === 'asofInner';
  if (rightMayBeEverywhere.has(node.joinKind) && !isWhole(left.placement)) {
    const { cost, side } = everywhere(node.right, right, distribution);
    const run = (): Placed => {
      const kept = inner ? withEqualities(left.placement, node.conditions, width) : left.placement;
      return joined(node, left, side(), kept);
    };
    options.push({ cost, run });
  }
  if (leftMayBeEverywhere.has(node.joinKind) && !isWhole(right.placement)) {
    const { cost, side } = everywhere(node.left, left, distribution);
    const run = (): Placed => {
      const shifted = shiftPlacement(right.placement, width);
      return joined(node, side(), right, inner ? withEqualities(shifted, node.conditions, width) : shifted);
    };
    options.push({ cost, run });
  }
  return options;
}

/** Where one side is in one task already, the other may come to it. */
function gatherOptions(
  node: JoinNode,
  left: Placed,
  right: Placed,
  distribution: Distribution,
): readonly Option[] {
  if (!isWhole(left.placement) && !isWhole(right.placement)) return [];
  const moved = isWhole(left.placement) ? node.right : node.left;
  const bytes = distribution.estimator.bytes(moved);
  // Twice, as everything above the join is then one task's work.
  const penalty = bytes > distribution.context.broadcastBytes ? Number.MAX_SAFE_INTEGER : 0;
  const run = (): Placed => joined(node, gather(left), gather(right), single);
  return [{ cost: STAGE_BYTES + 2 * bytes + penalty, run }];
}

/** The price and the way of having a join's side in every task. */
function everywhere(
  original: JoinNode['left'],
  placed: Placed,
  distribution: Distribution,
): { readonly cost: number; readonly side: () => Placed } {
  const { context, estimator } = distribution;
  if (placed.placement.kind === 'replicated') return { cost: 0, side: () => placed };
  const final = finalEverywhere(placed, estimator);
  if (final !== undefined) return { cost: 0, side: () => final };
  const bytes = estimator.bytes(original);
  // Beyond the limit a broadcast is for joins that have no other way.
  const penalty = bytes > context.broadcastBytes ? Number.MAX_SAFE_INTEGER : 0;
  // Every task builds its own hash table of it.
  const built = bytes * (context.parallelism - 1);
  const moved = STAGE_BYTES + bytes * context.parallelism + built + penalty;
  const read = SCAN_COST * estimator.scannedBytes(original) * (context.parallelism - 1) + built;
  if (read <= moved && canReplicate(original, distribution)) {
    return { cost: read, side: () => ({ node: readWhole(original), placement: replicated }) };
  }
  return { cost: moved, side: () => broadcast(placed) };
}

function hashOptions(
  node: JoinNode,
  left: Placed,
  right: Placed,
  distribution: Distribution,
): readonly Option[] {
  const conditions = hashConditions(node);
  if (conditions.length === 0) return [];
  const partitions = distribution.context.parallelism;
  const move = (
    placed: Placed,
    original: JoinNode['left'],
    keys: readonly Expr[],
    shards?: number,
  ): Option => ({
    cost: STAGE_BYTES + distribution.estimator.bytes(original),
    run: () => {
      if (shards === undefined) wish(placed, keys, distribution);
      return repartition(placed, keys, partitions, shards);
    },
  });
  const stay = (placed: Placed): Option => ({ cost: 0, run: () => placed });
  const pair = (l: Option, r: Option): Option => ({
    cost: l.cost + r.cost,
    run: () => {
      const [movedLeft, movedRight] = [l.run(), r.run()];
      return joined(node, movedLeft, movedRight, hashPlacement(node, movedLeft, movedRight));
    },
  });
  const options: Option[] = [];
  const independent = withoutRepeats(conditions);
  const leftKeys = independent.map((condition) => condition.left);
  const rightKeys = independent.map((condition) => condition.right);
  const onLeft = aligned(left.placement, conditions, 'left');
  const onRight = aligned(right.placement, conditions, 'right');
  if (alreadyTogether(left.placement, right.placement, conditions))
    options.push(pair(stay(left), stay(right)));
  if (onLeft !== undefined)
    options.push(
      pair(
        stay(left),
        move(
          right,
          node.right,
          onLeft.map((c) => c.right),
          shardsOf(left.placement),
        ),
      ),
    );
  if (onRight !== undefined)
    options.push(
      pair(
        move(
          left,
          node.left,
          onRight.map((c) => c.left),
          shardsOf(right.placement),
        ),
        stay(right),
      ),
    );
  options.push(pair(move(left, node.left, leftKeys), move(right, node.right, rightKeys)));
  return options;
}

/** Notes what a CTE's rows had to be moved for. */
export function wish(placed: Placed, keys: readonly Expr[], distribution: Distribution): void {
  const traced = traceToCte(placed.node, keys);
  if (traced === undefined) return;
  const wishes = distribution.wishes.get(traced.cteId) ?? [];
  distribution.wishes.set(traced.cteId, [...wishes, traced.keys]);
}

/** Conditions whose equality brings matching rows to the same task. */
function hashConditions(node: JoinNode): readonly JoinCondition[] {
  const usable = node.joinKind.startsWith('asof') ? node.conditions.slice(0, -1) : node.conditions;
  return usable.filter((condition) => {
    const { op, left, right } = condition;
    if (isNullGuard(condition)) return false;
    if (!sameType(left.type, right.type) || !isHashKey(left) || !isHashKey(right)) return false;
    // Under `=` a mark join's answer depends on NULLs anywhere on the right.
    return op === 'IS NOT DISTINCT FROM' || (op === '=' && node.joinKind !== 'mark');
  });
}

/** Leaves out conditions on an expression that another one compares already: they would not spread rows further. */
function withoutRepeats(conditions: readonly JoinCondition[]): readonly JoinCondition[] {
  const kept: JoinCondition[] = [];
  for (const condition of conditions) {
    const repeats = kept.some(
      (other) => sameExpr(other.left, condition.left) || sameExpr(other.right, condition.right),
    );
    if (!repeats) kept.push(condition);
  }
  return kept;
}

/** For each key of the placement, a condition that compares it; undefined when some key has none. */
function aligned(
  placement: Placement,
  conditions: readonly JoinCondition[],
  side: 'left' | 'right',
): readonly JoinCondition[] | undefined {
  if (placement.kind !== 'hash') return undefined;
  const found: JoinCondition[] = [];
  for (const key of placement.keys) {
    const condition = conditions.find((candidate) => isPlacedBy(placement, key, candidate[side]));
    if (condition === undefined) return undefined;
    found.push(condition);
  }
  return found;
}

function shardsOf(placement: Placement): number | undefined {
  return placement.kind === 'hash' ? placement.shards : undefined;
}

/** True when rows that the conditions match are in the same task as they are. */
function alreadyTogether(left: Placement, right: Placement, conditions: readonly JoinCondition[]): boolean {
  if (left.kind !== 'hash' || right.kind !== 'hash' || left.keys.length !== right.keys.length) return false;
  if (left.shards !== right.shards) return false;
  return left.keys.every((key, index) => {
    const other: HashKey = right.keys[index] ?? [];
    return conditions.some(
      (condition) => isPlacedBy(left, key, condition.left) && isPlacedBy(right, other, condition.right),
    );
  });
}

/** Rows that a join fills up with NULLs are not where the NULLs' hash would be. */
function hashPlacement(node: JoinNode, left: Placed, right: Placed): Placement {
  const width = node.left.schema.length;
  switch (node.joinKind) {
    case 'inner':
    case 'asofInner':
      return withEqualities(mergedKeys(left.placement, right.placement, width), node.conditions, width);
    case 'left':
    case 'single':
    case 'asofLeft':
    case 'semi':
    case 'anti':
    case 'mark':
      return left.placement;
    case 'right':
    case 'asofRight':
      return shiftPlacement(right.placement, width);
    case 'full':
    case 'asofFull':
      return arbitrary;
  }
}

/** After an inner join by hash, the keys of both sides are the same, one by one. */
function mergedKeys(left: Placement, right: Placement, width: number): Placement {
  const shifted = shiftPlacement(right, width);
  if (left.kind !== 'hash' || shifted.kind !== 'hash') return left;
  return hashed(
    left.keys.map((key, index) => [...key, ...(shifted.keys[index] ?? [])]),
    left.shards,
  );
}
