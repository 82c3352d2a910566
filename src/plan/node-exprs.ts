import { assertNever } from '../common/index.ts';
import type { AggregateCall, Expr, FrameBound, SortKey, WindowCall } from './expression.ts';
import type { PlanNode } from './plan-node.ts';

/** The expressions that the node itself evaluates, not those of its inputs. */
export function nodeExprs(node: PlanNode): readonly Expr[] {
  switch (node.kind) {
    case 'scan':
    case 'positionalJoin':
    case 'setOperation':
    case 'sample':
    case 'with':
    case 'cteRef':
    case 'recursiveCte':
    case 'stageInput':
      return [];
    case 'tableFunction':
      return [...node.args, ...node.namedArgs.map(({ value }) => value)];
    case 'values':
      return node.rows.flat();
    case 'filter':
      return [node.predicate];
    case 'project':
    case 'unnest':
      return node.exprs;
    case 'aggregate':
      return [...node.groups, ...node.aggregates.flatMap(aggregateExprs)];
    case 'join':
      return [
        ...node.conditions.flatMap(({ left, right }) => [left, right]),
        ...(node.residual === undefined ? [] : [node.residual]),
      ];
    case 'window':
      return node.calls.flatMap(windowExprs);
    case 'sort':
      return keyExprs(node.keys);
    case 'limit':
      return [
        ...keyExprs(node.keys),
        ...(node.count === undefined ? [] : [node.count]),
        ...(node.offset === undefined ? [] : [node.offset]),
      ];
    case 'distinct':
      return [...(node.on ?? []), ...keyExprs(node.orderBy)];
    case 'exchange':
      return node.to.kind === 'hash' ? node.to.keys : [];
    default:
      return assertNever(node);
  }
}

function keyExprs(keys: readonly SortKey[]): readonly Expr[] {
  return keys.map(({ expr }) => expr);
}

/** Every expression of an aggregate call. */
export function aggregateExprs(call: AggregateCall): readonly Expr[] {
  return [...call.args, ...(call.filter === undefined ? [] : [call.filter]), ...keyExprs(call.orderBy)];
}

/** Every expression of a window call. */
export function windowExprs(call: WindowCall): readonly Expr[] {
  return [
    ...call.args,
    ...(call.filter === undefined ? [] : [call.filter]),
    ...keyExprs(call.argOrder),
    ...call.partitionBy,
    ...keyExprs(call.orderBy),
    ...(call.frame === undefined
      ? []
      : [call.frame.start, call.frame.end].flatMap((bound) => ('offset' in bound ? [bound.offset] : []))),
  ];
}

/** Rebuilds sort keys with each expression replaced by `map`. */
export function mapSortKeys(keys: readonly SortKey[], map: (expr: Expr) => Expr): readonly SortKey[] {
  return keys.map((key) => ({ ...key, expr: map(key.expr) }));
}

/** Rebuilds an aggregate call with each expression replaced by `map`. */
export function mapAggregateCall(call: AggregateCall, map: (expr: Expr) => Expr): AggregateCall {
  return {
    ...call,
    args: call.args.map(map),
    filter: call.filter === undefined ? undefined : map(call.filter),
    orderBy: mapSortKeys(call.orderBy, map),
  };
}

/** Rebuilds a window call with each expression replaced by `map`. */
export function mapWindowCall(call: WindowCall, map: (expr: Expr) => Expr): WindowCall {
  const mapBound = (bound: FrameBound): FrameBound =>
    'offset' in bound ? { ...bound, offset: map(bound.offset) } : bound;
  return {
    ...call,
    args: call.args.map(map),
    filter: call.filter === undefined ? undefined : map(call.filter),
    argOrder: mapSortKeys(call.argOrder, map),
    partitionBy: call.partitionBy.map(map),
    orderBy: mapSortKeys(call.orderBy, map),
    frame:
      call.frame === undefined
        ? undefined
        : { ...call.frame, start: mapBound(call.frame.start), end: mapBound(call.frame.end) },
  };
}
