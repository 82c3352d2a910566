import type { PlanNode } from '../plan/index.ts';
import type { PlannerContext } from './stage-plan.ts';

/**
 * A rewrite of a whole plan. Pure; idempotent (a second run changes nothing); keeps the schema of the root.
 * Undefined when there is nothing to change.
 */
export interface Rule {
  readonly name: string;
  /** Why the rule stands where it does in the list. */
  readonly reason: string;
  readonly apply: (plan: PlanNode, context: PlannerContext) => PlanNode | undefined;
}
