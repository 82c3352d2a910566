import type { AggregateCall, AggregateNode, Expr, PlanNode } from '../../plan/index.ts';
import type { Column } from '../../types/index.ts';
import { type Decomposition, withoutIdleDistinct } from '../decompose-aggregate.ts';
import { BIGINT, caseWhen, castTo, column, compare, exprKey, isVolatile, literal } from '../expressions.ts';
import { allColumns, columnAt, project } from '../nodes.ts';
import { callColumns, decomposeAll, partialAggregate, pieceColumns } from './split-aggregates.ts';

/**
 * An aggregate with DISTINCT calls, in steps: first every task keeps each value once a group.
 *
 * ```
 * aggregate by k:                        aggregate by k: count(DISTINCT x), sum(#2)
 *   count(DISTINCT x), count(*)    ->      ... exchange by k ...
 *   input                                    aggregate by k, x: count(*)
 *                                              input
 * ```
 *
 * Without groups, or with few, the rows move by (k, x) instead, are made distinct once more, and what is left is an
 * aggregate without DISTINCT. Several DISTINCT arguments are grouping sets of one first step, told apart by GROUPING().
 */
export interface SplitDistinct {
  /** Output: groups, the distinct arguments, the set's number where there are several sets, partial values. */
  readonly partial: PlanNode;
  /** Leading columns of the partial output that are the groups. */
  readonly groupCount: number;
  /** Leading columns that tell partial rows apart. */
  readonly keyCount: number;
  /** Over partial rows, all rows of a group in one task; gives the aggregate's own schema. */
  readonly finish: (partials: PlanNode) => PlanNode;
  /** Merges partial rows with equal keys, all of them in one task; output as of `partial`. */
  readonly merge: (partials: PlanNode) => PlanNode;
  /** Over merged rows: an aggregate without DISTINCT, and how its output becomes the aggregate's own. */
  readonly afterMerge: (merged: PlanNode) => {
    readonly aggregate: AggregateNode;
    readonly finish: (aggregated: PlanNode) => PlanNode;
  };
}

/** Distinct arguments and the calls over them. */
interface DistinctSet {
  readonly args: readonly Expr[];
}

/** Undefined when there is no DISTINCT, or when some call needs the rows themselves. */
export function splitDistinctAggregate(node: AggregateNode): SplitDistinct | undefined {
  if (node.groupingSets !== undefined) return undefined;
  const calls = node.aggregates.map((aggregate) =>
    withFilterInside(asDistinct(withoutIdleDistinct(aggregate))),
  );
  const distinct = calls.filter((aggregate) => aggregate.distinct);
  if (distinct.length === 0 || distinct.some((aggregate) => !canKeepApart(aggregate))) return undefined;
  const plain = calls.filter((aggregate) => !aggregate.distinct);
  const decompositions = decomposeAll(plain);
  if (decompositions === undefined || decompositions.some(({ mergesInSteps }) => !mergesInSteps))
    return undefined;
  const sets = distinctSets(distinct);
  const args = uniqueExprs(sets.flatMap((set) => set.args)).filter(
    (arg) => !node.groups.some((group) => exprKey(group) === exprKey(arg)),
  );
  return split({ node, calls, decompositions, sets, args });
}

interface Parts {
  readonly node: AggregateNode;
  readonly calls: readonly AggregateCall[];
  readonly decompositions: readonly Decomposition[];
  readonly sets: readonly DistinctSet[];
  /** Every distinct argument that is not a group, once. */
  readonly args: readonly Expr[];
}

function split(parts: Parts): SplitDistinct {
  const { node, decompositions, sets, args } = parts;
  const groupCount = node.groups.length;
  const several = sets.length > 1;
  const keys = [...node.groups, ...args];
  const argPositions = args.map((_, index) => groupCount + index);
  const keyCount = keys.length + (several ? 1 : 0);
  const partial = partialAggregate(
    {
      ...node,
      groups: keys,
      groupingSets: several ? groupingSets(parts) : undefined,
      groupingCalls: several ? [argPositions] : [],
      schema: [
        ...node.schema.slice(0, groupCount),
        ...args.map((arg, index): Column => ({ name: `distinct_${index}`, type: arg.type })),
      ],
    },
    decompositions,
  );
  const over = (input: PlanNode, distinct: boolean): ReturnType<SplitDistinct['afterMerge']> =>
    finalAggregate(parts, input, keyCount, several, distinct);
  return {
    partial,
    groupCount,
    keyCount,
    finish: (partials) => {
      const { aggregate, finish } = over(partials, true);
      return finish(aggregate);
    },
    merge: (partials) => mergeInBetween(partials, keyCount, decompositions),
    afterMerge: (merged) => over(merged, false),
  };
}

/** The groups with the arguments of each set; the groups alone for what is not DISTINCT. */
function groupingSets({ node, decompositions, sets, args }: Parts): readonly (readonly number[])[] {
  const groups = node.groups.map((_, index) => index);
  const wanted = [
    ...sets.map((set) => [...groups, ...positionsOf(set, args).map((index) => groups.length + index)]),
    ...(decompositions.length > 0 ? [groups] : []),
  ];
  return [...new Map(wanted.map((set) => [set.join(), set])).values()];
}

function positionsOf(set: DistinctSet, args: readonly Expr[]): readonly number[] {
  const wanted = new Set(set.args.map(exprKey));
  return args.flatMap((arg, index) => (wanted.has(exprKey(arg)) ? [index] : []));
}

/** GROUPING()'s bits, the highest for the first argument: 1 where the set leaves the argument out. */
function setNumber(set: DistinctSet | undefined, args: readonly Expr[]): string {
  const own = set === undefined ? [] : positionsOf(set, args);
  return BigInt(`0b${args.map((_, index) => (own.includes(index) ? '0' : '1')).join('')}`).toString();
}

/** The aggregate by its groups over partial rows; DISTINCT only where these may repeat a value. */
function finalAggregate(
  parts: Parts,
  input: PlanNode,
  keyCount: number,
  several: boolean,
  distinct: boolean,
): ReturnType<SplitDistinct['afterMerge']> {
  const { node, decompositions, args, sets } = parts;
  const groupCount = node.groups.length;
  const ofSet = (set: DistinctSet | undefined): Expr | undefined =>
    several ? compare('=', column(keyCount - 1, BIGINT), literal(setNumber(set, args), BIGINT)) : undefined;
  const columnOf = new Map<string, Expr>();
  for (const [index, key] of [...node.groups, ...args].entries()) {
    columnOf.set(exprKey(key), column(index, key.type));
  }
  const restate = (expr: Expr): Expr => columnOf.get(exprKey(expr)) ?? expr;
  const pieces = pieceColumns(decompositions, keyCount);
  const calls: AggregateCall[] = [];
  const values: Expr[] = [];
  let plainIndex = 0;
  for (const aggregate of parts.calls) {
    const first = groupCount + calls.length;
    if (aggregate.distinct) {
      const set = sets.find((candidate) => setName(candidate.args) === setName(argsOf(aggregate)));
      calls.push({
        ...aggregate,
        args: aggregate.args.map(restate),
        orderBy: aggregate.orderBy.map((key) => ({ ...key, expr: restate(key.expr) })),
        distinct: distinct && !isOwnDistinct(aggregate),
        filter: ofSet(set),
      });
      values.push(column(first, aggregate.type));
    } else {
      const decomposition = decompositions[plainIndex];
      const own = decomposition?.merge(pieces[plainIndex] ?? [], []) ?? [];
      plainIndex += 1;
      calls.push(...own.map((merge) => ({ ...merge, filter: ofSet(undefined) })));
      const merged = own.map((merge, index) => column(first + index, merge.type));
      values.push(decomposition?.result(merged) ?? literal(null, aggregate.type));
    }
  }
  const groups = allColumns(input.schema.slice(0, groupCount));
  const aggregate: AggregateNode = {
    ...node,
    input,
    groups,
    aggregates: calls,
    groupingCalls: [],
    schema: [...input.schema.slice(0, groupCount), ...callColumns(calls)],
  };
  return { aggregate, finish: (aggregated) => project(aggregated, [...groups, ...values], node.schema) };
}

function mergeInBetween(
  partials: PlanNode,
  keyCount: number,
  decompositions: readonly Decomposition[],
): PlanNode {
  const keys = partials.schema.slice(0, keyCount);
  const merged = new Map<number, { readonly call: AggregateCall; readonly carried: Column }>();
  const pieces = pieceColumns(decompositions, keyCount);
  decompositions.forEach((decomposition, index) => {
    const own = pieces[index] ?? [];
    decomposition.merge(own, []).forEach((call, at) => {
      const piece = own[at];
      if (piece?.kind === 'column')
        merged.set(piece.index, { call, carried: columnAt(partials.schema, piece.index) });
    });
  });
  const entries = [...merged.entries()].sort(([a], [b]) => a - b).map(([, entry]) => entry);
  const calls = entries.map((entry) => entry.call);
  const aggregate: AggregateNode = {
    kind: 'aggregate',
    input: partials,
    groups: allColumns(keys),
    groupingSets: undefined,
    aggregates: calls,
    groupingCalls: [],
    schema: [...keys, ...callColumns(calls)],
  };
  const carried = entries.map(({ call, carried: field }, index) =>
    castTo(column(keyCount + index, call.type), field.type),
  );
  return project(aggregate, [...allColumns(keys), ...carried], partials.schema);
}

/** Its value does not change when the values come once: counted like a DISTINCT call, and spelled without. */
const ownDistinct = new Set(['approx_count_distinct']);

function isOwnDistinct(aggregate: AggregateCall): boolean {
  return ownDistinct.has(aggregate.name);
}

function asDistinct(aggregate: AggregateCall): AggregateCall {
  return isOwnDistinct(aggregate) ? { ...aggregate, distinct: true } : aggregate;
}

/** Aggregates over one value that take no notice of NULLs. */
const skipsNulls = new Set([
  'count',
  'sum',
  'avg',
  'mean',
  'fsum',
  'kahan_sum',
  'sumkahan',
  'favg',
  'product',
  'bit_xor',
  'median',
  'mad',
  'stddev',
  'stddev_samp',
  'stddev_pop',
  'variance',
  'var_samp',
  'var_pop',
  'approx_count_distinct',
]);

/** agg(DISTINCT x) FILTER (WHERE p) as agg(DISTINCT CASE WHEN p THEN x END). */
function withFilterInside(aggregate: AggregateCall): AggregateCall {
  const [arg, ...more] = aggregate.args;
  if (!aggregate.distinct || aggregate.filter === undefined || arg === undefined) return aggregate;
  if (more.length > 0 || !skipsNulls.has(aggregate.name)) return aggregate;
  const inside = caseWhen(aggregate.filter, arg, literal(null, arg.type));
  return { ...aggregate, args: [inside], filter: undefined };
}

/** True when the call needs nothing of a row but its arguments. */
function canKeepApart(aggregate: AggregateCall): boolean {
  const args = argsOf(aggregate);
  if (aggregate.filter !== undefined || args.length === 0 || args.some(isVolatile)) return false;
  return aggregate.orderBy.every((key) => args.some((arg) => exprKey(arg) === exprKey(key.expr)));
}

/** The arguments that come from the rows. */
function argsOf(aggregate: AggregateCall): readonly Expr[] {
  return uniqueExprs(aggregate.args.filter((arg) => arg.kind !== 'literal'));
}

function setName(args: readonly Expr[]): string {
  return args.map(exprKey).sort().join(';');
}

function distinctSets(calls: readonly AggregateCall[]): readonly DistinctSet[] {
  const sets = new Map<string, DistinctSet>();
  for (const aggregate of calls) sets.set(setName(argsOf(aggregate)), { args: argsOf(aggregate) });
  return [...sets.values()];
}

function uniqueExprs(exprs: readonly Expr[]): readonly Expr[] {
  return [...new Map(exprs.map((expr) => [exprKey(expr), expr])).values()];
}
