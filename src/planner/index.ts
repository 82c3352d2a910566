export type {
  DistributedPlan,
  PlannerContext,
  PlannerTable,
  StageOutput,
  StagePlan,
  StageTasks,
} from './stage-plan.ts';
