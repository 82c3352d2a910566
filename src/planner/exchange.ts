import type { ExchangeNode, Expr, PlanNode } from '../plan/index.ts';
import { isVolatile, trySubstitute } from './expressions.ts';
import { hashed, isWhole, type Placed, replicated, single } from './placement.ts';

/** Why each gather is there, for EXPLAIN; by the exchange that gathers. */
export type Reasons = WeakMap<PlanNode, string>;

/** Brings all rows to one task. */
export function gather(
  placed: Placed,
  reason?: { readonly reasons: Reasons; readonly text: string },
): Placed {
  if (isWhole(placed.placement)) return { ...placed, placement: single };
  const node = above(placed.node, { kind: 'single' });
  if (reason !== undefined)
    for (const exchange of exchangesOn(node)) reason.reasons.set(exchange, reason.text);
  return { node, placement: single };
}

/** Brings all rows to every task. */
export function broadcast(placed: Placed): Placed {
  if (placed.placement.kind === 'replicated') return placed;
  return { node: above(placed.node, { kind: 'replicated' }), placement: replicated };
}

/** As `broadcast`, always by an exchange of its own: the node becomes a stage. */
export function broadcastAsStage(placed: Placed): Placed {
  const { node } = placed;
  return {
    node: { kind: 'exchange', input: node, to: { kind: 'replicated' }, schema: node.schema },
    placement: replicated,
  };
}

/**
 * Brings rows with equal `keys` to the same task.
 * @param shards to where a table with so many shards has them
 */
export function repartition(
  placed: Placed,
  keys: readonly Expr[],
  partitions: number,
  shards?: number,
): Placed {
  const node: ExchangeNode = {
    kind: 'exchange',
    input: placed.node,
    to: { kind: 'hash', keys, partitions, ...(shards === undefined ? {} : { shards }) },
    schema: placed.node.schema,
  };
  return {
    node,
    placement: hashed(
      keys.map((key) => [key]),
      shards,
    ),
  };
}

/**
 * The exchange over `node`, or right over the CTE's reference when only filters and projections are in between: the
 * CTE's rows are there to be read by all, and need not move once more.
 */
function above(node: PlanNode, to: ExchangeNode['to']): PlanNode {
  if (readsCteOnly(node)) return intoCteRef(node, to);
  return { kind: 'exchange', input: node, to, schema: node.schema };
}

function readsCteOnly(node: PlanNode): boolean {
  if (node.kind === 'cteRef') return true;
  if (node.kind === 'filter') return !isVolatile(node.predicate) && readsCteOnly(node.input);
  return node.kind === 'project' && !node.exprs.some(isVolatile) && readsCteOnly(node.input);
}

function intoCteRef(node: PlanNode, to: ExchangeNode['to']): PlanNode {
  if (node.kind === 'filter' || node.kind === 'project')
    return { ...node, input: intoCteRef(node.input, to) };
  return { kind: 'exchange', input: node, to, schema: node.schema };
}

function exchangesOn(node: PlanNode): readonly PlanNode[] {
  if (node.kind === 'exchange') return [node];
  return node.kind === 'filter' || node.kind === 'project' ? exchangesOn(node.input) : [];
}

/**
 * Follows `keys` down to a reference of a CTE: what the rows of the CTE would have to be placed by. Undefined where the
 * node is no such chain.
 */
export function traceToCte(
  node: PlanNode,
  keys: readonly Expr[],
): { readonly cteId: number; readonly keys: readonly Expr[] } | undefined {
  switch (node.kind) {
    case 'cteRef':
      return { cteId: node.cteId, keys };
    case 'filter':
    case 'distinct':
    case 'window':
    case 'unnest':
      return traceToCte(node.input, keys);
    case 'project':
      return traceThrough(node.input, keys, (index) => node.exprs[index]);
    case 'aggregate':
      return traceThrough(node.input, keys, (index) => node.groups[index]);
    default:
      return undefined;
  }
}

function traceThrough(
  input: PlanNode,
  keys: readonly Expr[],
  below: (index: number) => Expr | undefined,
): ReturnType<typeof traceToCte> {
  const moved: Expr[] = [];
  for (const key of keys) {
    const expr = trySubstitute(key, below);
    if (expr === undefined || isVolatile(expr)) return undefined;
    moved.push(expr);
  }
  return traceToCte(input, moved);
}
