import { expect, it } from 'vitest';
import type { ExecutionPlan } from '../execution/execution-plan.ts';
import type { ScheduleState } from '../scheduler/index.ts';
import { runProgress } from './run-stats.ts';

const plan = {
  stages: [
    { id: 7, taskCount: 3, inputs: [] },
    { id: 8, taskCount: 1, inputs: [] },
  ],
} as unknown as ExecutionPlan;

const records = (...kinds: readonly string[]): unknown => ({
  records: kinds.map((kind) => ({ state: { kind } })),
});
const schedule = {
  stages: [records('finished', 'running', 'running'), records('waiting')],
} as unknown as ScheduleState;

it('counts finished tasks whole, and running ones as far as they are', () => {
  const shares = new Map([
    ['7.1', 0.5],
    // Of a task that is finished by now.
    ['7.0', 0.2],
  ]);
  expect(runProgress(plan, schedule, 'running', shares)).toEqual({
    tasksTotal: 4,
    tasksFinished: 1,
    tasksRunning: 2,
    fraction: 1.5 / 4,
  });
});

it('is whole when the query is', () => {
  expect(runProgress(plan, schedule, 'finished', new Map()).fraction).toBe(1);
  expect(runProgress(undefined, undefined, 'planning', new Map()).fraction).toBe(0);
});
