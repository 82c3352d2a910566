import { type Expr, mapChildren, type PlanNode, type WindowCall, type WindowNode } from '../../plan/index.ts';
import { columnsOf, exprKey, isHashKey } from '../expressions.ts';
import { columnAt, samePlan, select } from '../nodes.ts';
import type { Rule } from '../rule.ts';

/**
 * Takes apart window calls that share no PARTITION BY expression, so that each lot can be spread by its own.
 *
 * ```
 * window: rank() over (partition by a),          project (the columns in their old order)
 *         sum(x) over (partition by b)      ->     window: sum(x) over (partition by b)
 *   input                                            window: rank() over (partition by a)
 *                                                      input
 * ```
 */
export const splitWindows: Rule = {
  name: 'split-windows',
  reason: 'before columns are pruned, as it puts a projection on top',
  apply(plan) {
    const split = splitAll(plan);
    return samePlan(plan, split) ? undefined : split;
  },
};

/** Calls that may move together, and the PARTITION BY expressions they share; none: all rows in one task. */
interface Lot {
  readonly calls: readonly { readonly call: WindowCall; readonly position: number }[];
  readonly shared: readonly Expr[];
}

function splitAll(node: PlanNode): PlanNode {
  const rebuilt = mapChildren(node, splitAll);
  return rebuilt.kind === 'window' ? split(rebuilt) : rebuilt;
}

function split(node: WindowNode): PlanNode {
  const lots = lotsOf(node);
  if (lots.length < 2 || !readsInputOnly(node)) return node;
  const width = node.input.schema.length;
  let input = node.input;
  const positions = [...node.input.schema.keys()];
  for (const lot of lots) {
    const names = lot.calls.map(({ position }) => columnAt(node.schema, width + position));
    lot.calls.forEach(({ position }, index) => {
      positions[width + position] = input.schema.length + index;
    });
    input = { ...node, input, calls: lot.calls.map(({ call }) => call), schema: [...input.schema, ...names] };
  }
  return select(input, positions);
}

/** Expressions stay valid in every step, as each one keeps the columns of its input in front. */
function readsInputOnly(node: WindowNode): boolean {
  const width = node.input.schema.length;
  return node.calls.every((call) =>
    [...call.args, ...call.partitionBy].every((expr) => [...columnsOf(expr)].every((index) => index < width)),
  );
}

/** Lots without a shared expression come last: they end the spread. */
function lotsOf(node: WindowNode): readonly Lot[] {
  const lots: Lot[] = [];
  for (const [position, call] of node.calls.entries()) {
    const keys = call.partitionBy.filter(isHashKey);
    const found = lots.findIndex(({ shared }) =>
      keys.length === 0 ? shared.length === 0 : common(shared, keys).length > 0,
    );
    const lot = lots[found];
    if (lot === undefined) lots.push({ calls: [{ call, position }], shared: keys });
    else lots[found] = { calls: [...lot.calls, { call, position }], shared: common(lot.shared, keys) };
  }
  return [
    ...lots.filter(({ shared }) => shared.length > 0),
    ...lots.filter(({ shared }) => shared.length === 0),
  ];
}

function common(a: readonly Expr[], b: readonly Expr[]): readonly Expr[] {
  const names = new Set(b.map(exprKey));
  return a.filter((expr) => names.has(exprKey(expr)));
}
