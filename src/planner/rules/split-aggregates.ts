import { assert } from '../../common/index.ts';
import type { AggregateCall, AggregateNode, Expr, PlanNode, WindowCall } from '../../plan/index.ts';
import { type Column, type Schema, sameType } from '../../types/index.ts';
import { type Decomposition, decomposeAggregate, type Piece } from '../decompose-aggregate.ts';
import { BIGINT, call, castTo, column, DOUBLE, exprKey } from '../expressions.ts';
import { allColumns, columnAt, project } from '../nodes.ts';

/**
 * An aggregate in two steps.
 *
 * ```
 * aggregate by k: avg(x)             project k, sum / count
 *   input                              aggregate by k: sum(#1), sum(#2)
 *                             ->         ... exchange by k ...
 *                                          aggregate by k: sum(x), count(x)
 *                                            input
 * ```
 *
 * Not in the list of rewrites: the pass that distributes applies it where the rows of a group are spread.
 */
export interface SplitAggregate {
  /** Runs over a share of the rows. Output: groups, for grouping sets the set's number, then the partial values. */
  readonly partial: PlanNode;
  /** Leading columns of the partial output that make up a group. */
  readonly keyCount: number;
  /** Merges partial rows of the same group in one task; gives the aggregate's own schema. */
  readonly finish: (partials: PlanNode) => PlanNode;
}

/** The aggregate in two steps; undefined when one of its calls needs to see all rows of a group. */
export function splitAggregate(node: AggregateNode): SplitAggregate | undefined {
  if (hasRepeatedSets(node)) return undefined;
  const decompositions = decomposeAll(node.aggregates);
  if (decompositions === undefined) return undefined;
  // Rows of different grouping sets travel together: the NULLs of a set are not NULLs of the data.
  const setCalls = node.groupingSets === undefined ? [] : [node.groups.map((_, index) => index)];
  const groupingCalls = [...setCalls, ...node.groupingCalls];
  const keyCount = node.groups.length + groupingCalls.length;
  const finish = (partials: PlanNode): PlanNode => {
    const { merged, values } = mergePartials(partials, keyCount, decompositions);
    const keys = allColumns(merged.schema.slice(0, keyCount));
    const groups = keys.slice(0, node.groups.length);
    const calls = keys.slice(node.groups.length + setCalls.length);
    return project(merged, [...groups, ...values, ...calls], node.schema);
  };
  return { partial: partialAggregate({ ...node, groupingCalls }, decompositions), keyCount, finish };
}

export function decomposeAll(calls: readonly AggregateCall[]): readonly Decomposition[] | undefined {
  const decompositions: Decomposition[] = [];
  for (const aggregate of calls) {
    const decomposition = decomposeAggregate(aggregate);
    if (decomposition === undefined) return undefined;
    decompositions.push(decomposition);
  }
  return decompositions;
}

/** Groups, grouping calls, then the pieces, as they are carried. */
export function partialAggregate(node: AggregateNode, decompositions: readonly Decomposition[]): PlanNode {
  const { pieces } = layOut(decompositions);
  const groupCount = node.groups.length;
  const groups = node.groups.map((group, index): Column => {
    const name = node.schema[index]?.name ?? `group_${index}`;
    return { name, type: group.type };
  });
  const groupings = node.groupingCalls.map(
    (_, index): Column => ({ name: `grouping_${index}`, type: BIGINT }),
  );
  const computed = pieces.map(
    (piece, index): Column => ({
      name: `${piece.call.name}_${index}`,
      type: piece.call.type,
    }),
  );
  const aggregate: AggregateNode = {
    ...node,
    aggregates: pieces.map((piece) => piece.call),
    schema: [...groups, ...computed, ...groupings],
  };
  const asCarried = pieces.every((piece) => sameType(piece.carried, piece.call.type));
  if (asCarried && groupings.length === 0) return aggregate;
  const carried = pieces.map((piece, index) =>
    castTo(column(groupCount + index, piece.call.type), piece.carried),
  );
  const carriedSchema = pieces.map((piece, index) => ({ ...columnAt(computed, index), type: piece.carried }));
  return project(
    aggregate,
    [...allColumns(groups), ...allColumns(groupings, groupCount + pieces.length), ...carried],
    [...groups, ...groupings, ...carriedSchema],
  );
}

/**
 * Groups partial rows by their first `keyCount` columns and merges the pieces that follow.
 */
function mergePartials(
  partials: PlanNode,
  keyCount: number,
  decompositions: readonly Decomposition[],
): { readonly merged: PlanNode; readonly values: readonly Expr[] } {
  const keys = partials.schema.slice(0, keyCount);
  const calls: AggregateCall[] = [];
  const input = withMeans(partials, keyCount, decompositions);
  const values = decompositions.map((decomposition, index) => {
    const own = decomposition.merge(input.pieces[index] ?? [], input.means[index] ?? []);
    const first = keyCount + calls.length;
    calls.push(...own);
    return decomposition.result(own.map((merge, at) => column(first + at, merge.type)));
  });
  const merged: AggregateNode = {
    kind: 'aggregate',
    input: input.node,
    groups: allColumns(keys),
    groupingSets: undefined,
    aggregates: calls,
    groupingCalls: [],
    schema: [...keys, ...callColumns(calls)],
  };
  return { merged, values };
}

export function callColumns(calls: readonly AggregateCall[]): Schema {
  return calls.map((aggregate, index) => ({ name: `${aggregate.name}_${index}`, type: aggregate.type }));
}

/** The different pieces of all decompositions, and where each decomposition finds its own. */
function layOut(decompositions: readonly Decomposition[]): {
  readonly pieces: readonly Piece[];
  readonly positions: readonly (readonly number[])[];
} {
  const known = new Map<string, number>();
  const pieces: Piece[] = [];
  const positions = decompositions.map((decomposition) =>
    decomposition.pieces.map((piece) => {
      const name = JSON.stringify(piece);
      const position = known.get(name) ?? pieces.length;
      if (position === pieces.length) pieces.push(piece);
      known.set(name, position);
      return position;
    }),
  );
  return { pieces, positions };
}

/** References to each decomposition's pieces among the columns from `first` on. */
export function pieceColumns(
  decompositions: readonly Decomposition[],
  first: number,
): readonly (readonly Expr[])[] {
  const { pieces, positions } = layOut(decompositions);
  return positions.map((own) =>
    own.map((position) => {
      const piece = pieces[position];
      assert(piece !== undefined, `piece ${position} of ${pieces.length}`);
      return column(first + position, piece.carried);
    }),
  );
}

/** Adds a window with the means that the merges read: sum(weight * value) / sum(weight) over each group. */
function withMeans(
  partials: PlanNode,
  keyCount: number,
  decompositions: readonly Decomposition[],
): {
  readonly node: PlanNode;
  readonly pieces: readonly (readonly Expr[])[];
  readonly means: readonly (readonly Expr[])[];
} {
  const pieces = pieceColumns(decompositions, keyCount);
  const keys = allColumns(partials.schema.slice(0, keyCount));
  const calls = new Map<string, { readonly call: WindowCall; readonly column: Expr }>();
  const sumOver = (value: Expr): Expr => {
    const known = calls.get(exprKey(value));
    if (known !== undefined) return known.column;
    const reference = column(partials.schema.length + calls.size, DOUBLE);
    calls.set(exprKey(value), { call: sumOverGroup(value, keys), column: reference });
    return reference;
  };
  const means = decompositions.map((decomposition, index) =>
    decomposition.means.map(({ weight, value }) => {
      const own = pieces[index] ?? [];
      const [n, m] = [own[weight], own[value]];
      if (n === undefined || m === undefined) throw new Error('a mean reads a piece that is not there');
      return call('/', [sumOver(call('*', [n, m], DOUBLE)), sumOver(n)], DOUBLE);
    }),
  );
  if (calls.size === 0) return { node: partials, pieces, means };
  const added = [...calls.values()].map((entry) => entry.call);
  const names = added.map((_, index): Column => ({ name: `weighted_${index}`, type: DOUBLE }));
  const node: PlanNode = {
    kind: 'window',
    input: partials,
    calls: added,
    schema: [...partials.schema, ...names],
  };
  return { node, pieces, means };
}

function sumOverGroup(value: Expr, keys: readonly Expr[]): WindowCall {
  return {
    name: 'sum',
    args: [value],
    distinct: false,
    ignoreNulls: false,
    filter: undefined,
    argOrder: [],
    partitionBy: keys,
    orderBy: [],
    frame: {
      unit: 'ROWS',
      start: { kind: 'unboundedPreceding' },
      end: { kind: 'unboundedFollowing' },
      exclude: 'NO OTHERS',
    },
    type: DOUBLE,
  };
}

/** GROUPING SETS ((a), (a)) gives every group twice: the copies cannot be told apart once they travel. */
function hasRepeatedSets(node: AggregateNode): boolean {
  const sets = (node.groupingSets ?? []).map((set) => [...new Set(set)].sort((a, b) => a - b).join());
  return new Set(sets).size < sets.length;
}
