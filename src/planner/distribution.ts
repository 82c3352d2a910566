import type { Expr, PlanNode } from '../plan/index.ts';
import type { Estimator } from './estimate.ts';
import type { Reasons } from './exchange.ts';
import type { Placed, Placement } from './placement.ts';
import type { PlannerContext } from './stage-plan.ts';

/** What the placing of one plan's nodes shares. */
export interface Distribution {
  readonly context: PlannerContext;
  readonly estimator: Estimator;
  /** Where the rows of each CTE are, by id: what a reference to it gives. */
  readonly ctes: Map<number, Placement>;
  /** Keys that CTEs were wanted by, by id; one entry a wish. */
  readonly wishes: Map<number, (readonly Expr[])[]>;
  /** Keys to place CTEs by, by id: chosen from the wishes of an earlier pass. */
  readonly granted: ReadonlyMap<number, readonly Expr[]>;
  /** Tables with shards are read by them, where these tell where their rows are. */
  readonly useShards: boolean;
  readonly reasons: Reasons;
  /** Places any node: puts the exchanges below it that it needs. */
  readonly place: (node: PlanNode) => Placed;
}
