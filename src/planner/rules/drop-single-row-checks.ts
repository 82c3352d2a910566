import {
  type AggregateNode,
  type Expr,
  mapChildren,
  mapExprChildren,
  type PlanNode,
} from '../../plan/index.ts';
import { integerLiteral, literal } from '../expressions.ts';
import { samePlan } from '../nodes.ts';
import type { Rule } from '../rule.ts';

/**
 * DuckDB guards a scalar subquery by an aggregate of its first row and its count. Over an aggregate without groups,
 * which gives one row, the guard does nothing.
 *
 * ```
 * project CASE WHEN #1 > 1 THEN error(...) ELSE #0 END        project #0
 *   aggregate: first(#0), count(*)                      ->      project #0, 1
 *     aggregate: sum(x)                                            aggregate: sum(x)
 * ```
 */
export const dropSingleRowChecks: Rule = {
  name: 'drop-single-row-checks',
  reason: 'early: projections merge over it, and first() would need its rows in order',
  apply(plan) {
    const simplified = simplify(plan);
    return samePlan(plan, simplified) ? undefined : simplified;
  },
};

function simplify(node: PlanNode): PlanNode {
  const rebuilt = mapChildren(node, simplify);
  if (rebuilt.kind === 'aggregate' && isGuard(rebuilt)) return toProjection(rebuilt);
  if (rebuilt.kind !== 'project') return rebuilt;
  const { input } = rebuilt;
  if (input.kind !== 'project') return rebuilt;
  const constant = (index: number): Expr | undefined => {
    const expr = input.exprs[index];
    return expr?.kind === 'literal' ? expr : undefined;
  };
  return { ...rebuilt, exprs: rebuilt.exprs.map((expr) => fold(expr, constant)) };
}

function isGuard(node: AggregateNode): boolean {
  const simple =
    node.groups.length === 0 && node.groupingSets === undefined && node.groupingCalls.length === 0;
  return simple && node.aggregates.every(isGuardCall) && givesOneRow(node.input);
}

function isGuardCall(call: AggregateNode['aggregates'][number]): boolean {
  if (call.filter !== undefined || call.distinct) return false;
  return call.name === 'count_star' || (call.name === 'first' && call.args.length === 1);
}

/** True when the node gives exactly one row, whatever the data. */
function givesOneRow(node: PlanNode): boolean {
  switch (node.kind) {
    case 'aggregate':
      return node.groups.length === 0 && node.groupingSets === undefined;
    case 'project':
    case 'window':
    case 'sort':
      return givesOneRow(node.input);
    case 'values':
      return node.rows.length === 1;
    case 'join': {
      const cross = node.joinKind === 'inner' && node.conditions.length === 0 && node.residual === undefined;
      return cross && givesOneRow(node.left) && givesOneRow(node.right);
    }
    default:
      return false;
  }
}

function toProjection(node: AggregateNode): PlanNode {
  const exprs = node.aggregates.map((call) => call.args[0] ?? literal('1', call.type));
  return { kind: 'project', input: node.input, exprs, schema: node.schema };
}

/** Decides CASE WHEN 1 > 1 THEN a ELSE b END. */
function fold(expr: Expr, constant: (index: number) => Expr | undefined): Expr {
  const [when, ...more] = expr.kind === 'case' ? expr.whens : [];
  if (expr.kind !== 'case' || when === undefined || more.length > 0 || when.when.kind !== 'compare') {
    return mapExprChildren(expr, (child) => fold(child, constant));
  }
  const { left, right, op } = when.when;
  const count = integerLiteral(left.kind === 'column' ? constant(left.index) : left);
  const limit = integerLiteral(right);
  if (op !== '>' || count === undefined || limit === undefined) return expr;
  return fold(count > limit ? when.result : expr.otherwise, constant);
}
