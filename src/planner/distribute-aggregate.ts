import {
  type AggregateNode,
  aggregateExprs,
  type Expr,
  mapAggregateCall,
  type PlanNode,
  remapColumns,
} from '../plan/index.ts';
import { wish } from './distribute-join.ts';
import type { Distribution } from './distribution.ts';
import { gather, repartition } from './exchange.ts';
import { columnsOf, isHashKey, sameExpr } from './expressions.ts';
import { allColumns, select } from './nodes.ts';
import {
  arbitrary,
  colocates,
  firstColumnsOnly,
  isWhole,
  type Placed,
  type Placement,
  projectPlacement,
  single,
} from './placement.ts';
import { isRepeatable } from './repeatable.ts';
import { type SplitAggregate, splitAggregate } from './rules/split-aggregates.ts';
import { type SplitDistinct, splitDistinctAggregate } from './rules/split-distinct-aggregates.ts';

/**
 * In place where every group is in one task already; else in two steps where the calls can be split; else the rows
 * move by group; else, without groups, to one task.
 */
export function placeAggregate(node: AggregateNode, distribution: Distribution): Placed {
  return placeOver(node, distribution.place(node.input), distribution);
}

/** @param input where the rows of `node.input` are */
function placeOver(node: AggregateNode, input: Placed, distribution: Distribution): Placed {
  const over: AggregateNode = { ...node, input: input.node };
  if (isWhole(input.placement)) {
    return { node: over, placement: isRepeatable(node) ? input.placement : single };
  }
  const common = commonGroups(node).filter(isHashKey);
  if (common.length > 0 && colocates(input.placement, common)) {
    return { node: over, placement: groupedPlacement(node, input.placement) };
  }
  wish({ node: node.input, placement: arbitrary }, common, distribution);
  const split = splitAggregate(over);
  if (split !== undefined) return placeSplit(node, split, distribution);
  const distinct = splitDistinctAggregate(over);
  if (distinct !== undefined) return placeDistinctSplit(node, distinct, distribution);
  return placeRows(node, input, distribution);
}

/** Partial rows up to which merging them in one task is quicker than one more stage. */
const FEW_PARTIALS = 20_000;

function placeSplit(node: AggregateNode, split: SplitAggregate, distribution: Distribution): Placed {
  const { estimator, context } = distribution;
  const keys = hashableColumns(split.partial, split.keyCount);
  const partial: Placed = { node: split.partial, placement: arbitrary };
  const few = estimator.estimate(node).rows * context.parallelism <= FEW_PARTIALS;
  if (keys.length === 0 || few) return { node: split.finish(gather(partial).node), placement: single };
  const moved = repartition(partial, keys, distribution.context.parallelism);
  return { node: split.finish(moved.node), placement: firstColumnsOnly(moved.placement, node.groups.length) };
}

/** Groups that keep fewer tasks busy than this many times the tasks are too few to move by. */
const GROUPS_PER_TASK = 4;

function placeDistinctSplit(node: AggregateNode, split: SplitDistinct, distribution: Distribution): Placed {
  const { estimator, context } = distribution;
  const partial: Placed = { node: split.partial, placement: arbitrary };
  const groups = hashableColumns(split.partial, split.groupCount);
  const manyGroups = estimator.estimate(node).rows >= context.parallelism * GROUPS_PER_TASK;
  if (groups.length > 0 && manyGroups) {
    const moved = repartition(partial, groups, context.parallelism);
    return {
      node: split.finish(moved.node),
      placement: firstColumnsOnly(moved.placement, node.groups.length),
    };
  }
  const keys = hashableColumns(split.partial, split.keyCount);
  if (keys.length === 0) return { node: split.finish(gather(partial).node), placement: single };
  const moved = repartition(partial, keys, context.parallelism);
  const { aggregate, finish } = split.afterMerge(split.merge(moved.node));
  const again = splitAggregate(aggregate);
  const merged: Placed = { node: aggregate.input, placement: moved.placement };
  const placed =
    again === undefined
      ? placeRows(aggregate, merged, distribution)
      : placeSplit(aggregate, again, distribution);
  return { node: finish(placed.node), placement: firstColumnsOnly(placed.placement, node.groups.length) };
}

function hashableColumns(node: PlanNode, count: number): readonly Expr[] {
  return allColumns(node.schema.slice(0, count)).filter(isHashKey);
}

/** Moves the rows themselves, with the columns that the aggregate reads. */
function placeRows(node: AggregateNode, input: Placed, distribution: Distribution): Placed {
  const common = commonGroups(node).filter(isHashKey);
  const { narrow, at } = narrowed(node, input);
  const remap = (expr: Expr): Expr => remapColumns(expr, at);
  const over = (moved: PlanNode): AggregateNode => ({
    ...node,
    input: moved,
    groups: node.groups.map(remap),
    aggregates: node.aggregates.map((call) => mapAggregateCall(call, remap)),
  });
  if (common.length === 0) {
    const what = node.groups.length === 0 ? 'without groups' : 'over grouping sets';
    const text = `${whyNotSplit(node)} ${what} needs all rows in one task`;
    const gathered = gather(narrow, { reasons: distribution.reasons, text });
    return { node: over(gathered.node), placement: single };
  }
  const keys = common.map(remap);
  wish(narrow, keys, distribution);
  const moved = repartition(narrow, keys, distribution.context.parallelism);
  const aggregate = over(moved.node);
  return { node: aggregate, placement: groupedPlacement(aggregate, moved.placement) };
}

function whyNotSplit(node: AggregateNode): string {
  const names = node.aggregates.map((call) => `${call.name}${call.distinct ? '(DISTINCT)' : ''}`);
  return names.length === 0 ? 'an aggregate' : [...new Set(names)].join(', ');
}

function narrowed(
  node: AggregateNode,
  input: Placed,
): { readonly narrow: Placed; readonly at: (index: number) => number } {
  const read = new Set<number>();
  for (const expr of [...node.groups, ...node.aggregates.flatMap(aggregateExprs)]) columnsOf(expr, read);
  const positions = [...read].sort((a, b) => a - b);
  if (positions.length === 0) positions.push(0);
  const narrow: Placed = { node: select(input.node, positions), placement: arbitrary };
  return { narrow, at: (index) => positions.indexOf(index) };
}

/** Groups that are part of every grouping set: rows that differ in them never meet. */
function commonGroups(node: AggregateNode): readonly Expr[] {
  const sets = node.groupingSets;
  if (sets === undefined) return node.groups;
  return node.groups.filter((_, index) => sets.every((set) => set.includes(index)));
}

/** The groups are the first columns of the output; one that some grouping set leaves out is not what it was. */
function groupedPlacement(node: AggregateNode, placement: Placement): Placement {
  if (placement.kind !== 'hash') return placement;
  const common = commonGroups(node);
  const sameKeys = node.groups.map((group) =>
    common.some((other) => sameExpr(other, group))
      ? group
      : ({ kind: 'lambdaParam', name: '', type: group.type } as const),
  );
  return projectPlacement(placement, sameKeys);
}
