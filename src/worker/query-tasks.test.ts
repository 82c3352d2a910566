import { expect, it } from 'vitest';
import { type AttemptId, queryId, stageId, systemClock } from '../common/index.ts';
import { QueryTasks } from './query-tasks.ts';

const attempt = (task: number): AttemptId => ({
  queryId: queryId('q_1'),
  stageId: stageId(2),
  task,
  attempt: 0,
});

it('tells how far its tasks are, and never less than before', () => {
  const tasks = new QueryTasks(systemClock);
  const { signal } = new AbortController();
  const first = tasks.begin(attempt(0), signal);
  const second = tasks.begin(attempt(1), signal);
  let done = 0.6;
  first.measure(() => done);
  const shares = (): unknown => tasks.shares().map(({ attempt: { task }, fraction }) => [task, fraction]);
  expect(shares()).toEqual([
    [0, 0.6],
    [1, 0],
  ]);
  // A second statement of the task begins.
  done = 0.1;
  expect(shares()).toEqual([
    [0, 0.6],
    [1, 0],
  ]);
  first.end();
  second.end();
  expect(tasks.shares()).toEqual([]);
});
