import type { Expr, JoinCondition, JoinNode, PlanNode } from '../plan/index.ts';
import { walk } from '../plan/index.ts';
import type { Distribution } from './distribution.ts';
import { BOOLEAN, caseWhen, literal, sameExpr } from './expressions.ts';

/*
 * DuckDB joins ASOF by one of two algorithms, which differ where the inequality's columns hold NULLs: its loop, for a
 * small left side, never matches a NULL; its merge sorts NULLs last and lets them match. One choice is made for the
 * whole join, as DuckDB would make it, and then holds in every task, however few rows a task has.
 */

/**
 * Estimated rows of the left side below which DuckDB loops: its default of `asof_loop_join_threshold`. It takes a table
 * of several files to be larger, whatever is in them.
 */
const LOOP_ROWS = 64;

/** The join with a condition that no NULL of the inequality's columns passes, where DuckDB would loop. */
export function keepAsofNulls(node: JoinNode, { estimator, context }: Distribution): JoinNode {
  if (node.joinKind !== 'asofInner' && node.joinKind !== 'asofLeft') return node;
  const inequality = node.conditions.at(-1);
  const isSmall = (left: PlanNode): boolean =>
    estimator.estimate(left).rows < LOOP_ROWS &&
    [...walk(left)].every((part) => part.kind !== 'scan' || (context.table(part.table).fileCount ?? 1) <= 1);
  // DuckDB has no other way than the loop for a residual.
  const loops = node.residual !== undefined || isSmall(node.left);
  if (!loops || inequality === undefined || node.conditions.some(isNullGuard)) return node;
  const guard: JoinCondition = {
    left: trueOrNull(inequality.left),
    right: trueOrNull(inequality.right),
    op: '=',
  };
  return { ...node, conditions: [guard, ...node.conditions] };
}

/** Equal for all values but NULL, which equals nothing. */
function trueOrNull(input: Expr): Expr {
  const present: Expr = { kind: 'isNotNull', input, type: BOOLEAN };
  return caseWhen(present, literal('true', BOOLEAN), literal(null, BOOLEAN));
}

/** Whether the condition only keeps NULLs from matching: it says nothing about where rows belong. */
export function isNullGuard({ left }: JoinCondition): boolean {
  const when = left.kind === 'case' ? left.whens[0]?.when : undefined;
  return when?.kind === 'isNotNull' && sameExpr(left, trueOrNull(when.input));
}

/** Whether the fragment's answer depends on DuckDB's merging its ASOF joins. */
export function mustMergeAsof(fragment: PlanNode): boolean {
  for (const node of walk(fragment)) {
    const either = node.kind === 'join' && (node.joinKind === 'asofInner' || node.joinKind === 'asofLeft');
    if (either && !node.conditions.some(isNullGuard)) return true;
  }
  return false;
}
