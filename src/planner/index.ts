export { mustMergeAsof } from './asof-nulls.ts';
export { createEstimator, type Estimator } from './estimate.ts';
export { formatExpr } from './format-expression.ts';
export { fileNotes, operatorTree } from './operator-tree.ts';
export { applyRules, planDistributed, planSingle } from './plan-distributed.ts';
export { planWrite, type WritePlan, type WriteSink } from './plan-write.ts';
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
