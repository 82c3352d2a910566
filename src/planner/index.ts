export { createEstimator, type Estimator } from './estimate.ts';
export { formatExpr } from './format-expression.ts';
export { operatorTree } from './operator-tree.ts';
export { applyRules, planDistributed, planSingle } from './plan-distributed.ts';
export type {
  DistributedPlan,
  PlannerContext,
  PlannerTable,
  PrunedScan,
  StageOutput,
  StagePlan,
  StageTasks,
} from './stage-plan.ts';
export { validatePlan } from './validate-plan.ts';
