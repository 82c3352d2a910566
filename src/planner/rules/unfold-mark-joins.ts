import {
  type AggregateCall,
  type Expr,
  type JoinNode,
  mapChildren,
  type PlanNode,
  type WithNode,
  walk,
} from '../../plan/index.ts';
import type { Schema } from '../../types/index.ts';
import { createEstimator } from '../estimate.ts';
import { BIGINT, BOOLEAN, column, compare, isHashKey, literal } from '../expressions.ts';
import { allColumns, project } from '../nodes.ts';
import type { Rule } from '../rule.ts';

/**
 * x IN (subquery), kept as a value, is NULL for a missing x when some row of the subquery is NULL: no task can know
 * from its share. Where the subquery is too large for every task to hold it, the two facts about all of it, whether it
 * has rows and whether it has NULLs, become an aggregate of their own, and the rest is a join without NULLs.
 *
 * ```
 * mark x = y                project CASE WHEN count = 0 THEN false WHEN x IS NULL THEN NULL WHEN mark THEN true
 *   left             ->             WHEN nulls THEN NULL ELSE false END
 *   right                     cross product
 *                               mark x IS NOT DISTINCT FROM y
 *                                 left
 *                                 filter y IS NOT NULL (right)
 *                               aggregate: count(*), count(y)
 *                                 right
 * ```
 */
export const unfoldMarkJoins: Rule = {
  name: 'unfold-mark-joins',
  reason: 'before columns are pruned: the subquery becomes a CTE, read twice',
  apply(plan, context) {
    const estimator = createEstimator(context);
    estimator.estimate(plan);
    const ids = [...walk(plan)].map((node) => ('cteId' in node ? node.cteId : -1));
    let next = Math.max(-1, ...ids) + 1;
    const unfold = (node: PlanNode): PlanNode => {
      const large = node.kind === 'join' && estimator.bytes(node.right) > context.broadcastBytes;
      const rebuilt = mapChildren(node, unfold);
      if (!large || rebuilt.kind !== 'join' || !isPlainMark(rebuilt)) return rebuilt;
      next += 1;
      return unfoldMark(rebuilt, next - 1);
    };
    const unfolded = unfold(plan);
    return unfolded === plan ? undefined : unfolded;
  },
};

function isPlainMark(node: JoinNode): boolean {
  const [condition, ...more] = node.conditions;
  if (node.joinKind !== 'mark' || condition === undefined || more.length > 0) return false;
  if (condition.op !== '=' || node.residual !== undefined) return false;
  return isHashKey(condition.left) && isHashKey(condition.right);
}

function unfoldMark(node: JoinNode, cteId: number): PlanNode {
  const [condition] = node.conditions;
  if (condition === undefined) return node;
  const { left, right: value } = condition;
  const schema: Schema = [{ name: 'value', type: value.type }];
  const ref: PlanNode = { kind: 'cteRef', cteId, name: 'subquery', schema };
  const there = column(0, value.type);
  const present: PlanNode = {
    kind: 'filter',
    input: ref,
    predicate: { kind: 'isNotNull', input: there, type: BOOLEAN },
    schema,
  };
  const marked: JoinNode = {
    ...node,
    right: present,
    conditions: [{ left, right: there, op: 'IS NOT DISTINCT FROM' }],
  };
  const count = (name: string, args: readonly Expr[]): AggregateCall => ({
    name,
    args,
    distinct: false,
    filter: undefined,
    orderBy: [],
    type: BIGINT,
  });
  const facts: PlanNode = {
    kind: 'aggregate',
    input: ref,
    groups: [],
    groupingSets: undefined,
    aggregates: [count('count_star', []), count('count', [there])],
    groupingCalls: [],
    schema: [
      { name: 'rows', type: BIGINT },
      { name: 'values', type: BIGINT },
    ],
  };
  const both: PlanNode = {
    kind: 'join',
    joinKind: 'inner',
    left: marked,
    right: facts,
    conditions: [],
    residual: undefined,
    schema: [...marked.schema, ...facts.schema],
  };
  const kept = allColumns(node.left.schema);
  const body = project(both, [...kept, markValue(left, node.left.schema.length)], node.schema);
  const definition = project(node.right, [value], schema);
  const whole: WithNode = { kind: 'with', cteId, name: 'subquery', definition, body, schema: node.schema };
  return whole;
}

function markValue(key: Expr, markIndex: number): Expr {
  const [rows, values] = [column(markIndex + 1, BIGINT), column(markIndex + 2, BIGINT)];
  const [yes, no, unknown] = [literal('true', BOOLEAN), literal('false', BOOLEAN), literal(null, BOOLEAN)];
  return {
    kind: 'case',
    whens: [
      { when: compare('=', rows, literal('0', BIGINT)), result: no },
      { when: { kind: 'isNull', input: key, type: BOOLEAN }, result: unknown },
      { when: column(markIndex, BOOLEAN), result: yes },
      { when: compare('<', values, rows), result: unknown },
    ],
    otherwise: no,
    type: BOOLEAN,
  };
}
