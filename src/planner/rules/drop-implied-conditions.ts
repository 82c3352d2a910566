import {
  type Expr,
  type JoinCondition,
  type JoinNode,
  mapChildren,
  type PlanNode,
} from '../../plan/index.ts';
import { sameType } from '../../types/index.ts';
import { column, conjuncts, exprKey, isVolatile, trySubstitute } from '../expressions.ts';
import { samePlan } from '../nodes.ts';
import { shift } from '../placement.ts';
import type { Rule } from '../rule.ts';

/**
 * Drops an equality of a join that follows from another one and from joins below it. DuckDB states every equality that
 * it can derive; each one would be computed, carried through exchanges, and counted as a filter of its own by whoever
 * estimates the join.
 *
 * ```
 * join c = s and n = s          join c = s
 *   join c = n            ->      join c = n
 * ```
 */
export const dropImpliedConditions: Rule = {
  name: 'drop-implied-conditions',
  reason: 'before columns are pruned: the columns of dropped conditions are read no more',
  apply(plan) {
    const dropped = drop(plan);
    return samePlan(plan, dropped) ? undefined : dropped;
  },
};

/** Expressions over a node's output with one value in every row. */
type EqualSet = readonly Expr[];

function drop(node: PlanNode): PlanNode {
  const rebuilt = mapChildren(node, drop);
  if (rebuilt.kind !== 'join' || rebuilt.conditions.length < 2) return rebuilt;
  const left = equalSets(rebuilt.left);
  const right = equalSets(rebuilt.right);
  const kept: JoinCondition[] = [];
  for (const condition of rebuilt.conditions) {
    const implied =
      condition.op === '=' &&
      kept.some(
        (other) =>
          other.op === '=' &&
          areEqual(left, other.left, condition.left) &&
          areEqual(right, other.right, condition.right),
      );
    if (!implied) kept.push(condition);
  }
  return kept.length === rebuilt.conditions.length ? rebuilt : { ...rebuilt, conditions: kept };
}

function areEqual(sets: readonly EqualSet[], a: Expr, b: Expr): boolean {
  const [first, second] = [exprKey(a), exprKey(b)];
  if (first === second) return !isVolatile(a);
  return sets.some((set) => {
    const keys = set.map(exprKey);
    return keys.includes(first) && keys.includes(second);
  });
}

/** What holds in every row of the node's output. */
function equalSets(node: PlanNode): readonly EqualSet[] {
  switch (node.kind) {
    case 'filter': {
      const pairs = conjuncts(node.predicate).flatMap((term) =>
        term.kind === 'compare' && term.op === '=' ? [[term.left, term.right]] : [],
      );
      return merged([...equalSets(node.input), ...pairs]);
    }
    case 'sort':
    case 'limit':
    case 'sample':
    case 'window':
    case 'unnest':
      return equalSets(node.input);
    case 'project':
      return throughProjection(equalSets(node.input), node.exprs);
    case 'aggregate':
      return node.groupingSets === undefined ? throughProjection(equalSets(node.input), node.groups) : [];
    case 'join':
      return joinSets(node);
    default:
      return [];
  }
}

function joinSets(node: JoinNode): readonly EqualSet[] {
  const left = equalSets(node.left);
  if (node.joinKind !== 'inner' && node.joinKind !== 'asofInner') {
    const keepsLeft = !['right', 'full', 'asofRight', 'asofFull'].includes(node.joinKind);
    return keepsLeft ? left : [];
  }
  const width = node.left.schema.length;
  const right = equalSets(node.right).map((set) => set.map((expr) => shift(expr, width)));
  const pairs = node.conditions.flatMap((on) => (on.op === '=' ? [[on.left, shift(on.right, width)]] : []));
  return merged([...left, ...right, ...pairs]);
}

function throughProjection(sets: readonly EqualSet[], exprs: readonly Expr[]): readonly EqualSet[] {
  const outputs = exprs.map((expr, index) => ({ key: exprKey(expr), reference: column(index, expr.type) }));
  const restated = (expr: Expr): readonly Expr[] => {
    const same = outputs.filter(({ key }) => key === exprKey(expr)).map(({ reference }) => reference);
    if (same.length > 0) return same;
    const moved = trySubstitute(expr, (index) => {
      const at = exprs.findIndex((output) => output.kind === 'column' && output.index === index);
      return outputs[at]?.reference;
    });
    return moved === undefined ? [] : [moved];
  };
  return merged(sets.map((set) => set.flatMap(restated)).filter((set) => set.length > 1));
}

/** Sets that share an expression are one; expressions of different types, or volatile ones, are not equal. */
function merged(sets: readonly EqualSet[]): readonly EqualSet[] {
  const result: Map<string, Expr>[] = [];
  for (const set of sets) {
    const [first] = set;
    const sound =
      first !== undefined && set.every((expr) => sameType(expr.type, first.type) && !isVolatile(expr));
    if (!sound) continue;
    const fresh = new Map(set.map((expr) => [exprKey(expr), expr]));
    for (let index = result.length - 1; index >= 0; index -= 1) {
      const other = result[index];
      if (other === undefined || ![...fresh.keys()].some((key) => other.has(key))) continue;
      for (const [key, expr] of other) fresh.set(key, expr);
      result.splice(index, 1);
    }
    result.push(fresh);
  }
  return result.map((set) => [...set.values()]);
}
