export { schedule } from './schedule.ts';
export {
  type AttemptFailure,
  defaultScheduleLimits,
  initialSchedule,
  type ScheduleEffect,
  type ScheduleEvent,
  type ScheduleLimits,
  type ScheduleState,
  type StageInputs,
  type TaskAttempt,
  type WorkerStanding,
} from './schedule-state.ts';
