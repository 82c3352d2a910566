import { assertNever } from '../../common/index.ts';
import type { TaskStats } from '../../rpc/index.ts';
import type { AttemptLog, LoggedAttempt } from '../execution/attempt-log.ts';
import type { ExecutionOutput, ExecutionPlan, ExecutionStage } from '../execution/execution-plan.ts';
import type { QueryState } from '../query-service.ts';
import type { QueryTree, StageTree, TaskTree } from '../query-tree.ts';
import type { ScheduleState } from '../scheduler/index.ts';

/** What a tree shows of a query that runs or ran; without it the tree is a plan. */
export interface RunView {
  readonly state: ScheduleState;
  readonly log: AttemptLog;
  /** Monotonic milliseconds: the query's submission, and now or its end. */
  readonly submittedAt: number;
  readonly now: number;
}

export interface TreeSubject {
  readonly queryId: string;
  readonly sql: string;
  readonly state: QueryState;
  readonly plan: ExecutionPlan | undefined;
  readonly run: RunView | undefined;
}

export function buildTree(subject: TreeSubject): QueryTree {
  const { plan, run } = subject;
  return {
    queryId: subject.queryId,
    sql: subject.sql,
    state: subject.state,
    notes: plan?.notes ?? [],
    stages: (plan?.stages ?? []).map((stage, position) => buildStage(subject, stage, position, run)),
  };
}

function buildStage(
  subject: TreeSubject,
  stage: ExecutionStage,
  position: number,
  run: RunView | undefined,
): StageTree {
  const attempts = run?.log.of(position) ?? [];
  const finished = winners(attempts);
  const stats = finished.flatMap((attempt) => attempt.stats ?? []);
  const sum = (pick: (entry: (typeof stats)[number]) => bigint): number | undefined =>
    finished.length === 0 ? undefined : stats.reduce((total, entry) => total + Number(pick(entry)), 0);
  return {
    id: stage.id,
    state: stageState(subject.state, position, run),
    inputs: stage.inputs.flatMap((input) =>
      input.kind === 'stage'
        ? [{ stage: subject.plan?.stages[input.stage]?.id ?? input.stage, read: input.read }]
        : [],
    ),
    output: describeOutput(stage.output),
    sql: stage.sql,
    ...stage.describe(),
    actualRows: sum((entry) => entry.outputRows),
    inputRows: sum((entry) => entry.inputRows),
    inputBytes: sum((entry) => entry.inputBytes),
    outputBytes: sum((entry) => entry.outputBytes),
    ...(stage.write === undefined || finished.length === 0 ? {} : { written: writtenOf(stats) }),
    elapsedMs: elapsed(attempts, run),
    tasks: Array.from({ length: stage.taskCount }, (_, task) => buildTask(task, attempts, run)),
  };
}

function writtenOf(stats: readonly TaskStats[]): NonNullable<StageTree['written']> {
  const sum = (pick: (entry: TaskStats) => bigint): number =>
    stats.reduce((total, entry) => total + Number(pick(entry)), 0);
  return {
    rows: sum((entry) => entry.writtenRows),
    bytes: sum((entry) => entry.writtenBytes),
    files: sum((entry) => entry.writtenFiles),
  };
}

/** The attempt of each task that counts: the last one that finished. */
export function winners(attempts: readonly LoggedAttempt[]): readonly LoggedAttempt[] {
  const last = new Map<string, LoggedAttempt>();
  for (const attempt of attempts) {
    if (attempt.state === 'finished') last.set(`${attempt.stage}.${attempt.task}`, attempt);
  }
  return [...last.values()];
}

function buildTask(task: number, attempts: readonly LoggedAttempt[], run: RunView | undefined): TaskTree {
  return {
    task,
    attempts: attempts
      .filter((attempt) => attempt.task === task)
      .map((attempt) => ({
        attempt: attempt.attempt,
        worker: attempt.worker,
        state: attempt.state,
        startedMs: attempt.startedAt - (run?.submittedAt ?? attempt.startedAt),
        elapsedMs: (attempt.endedAt ?? run?.now ?? attempt.startedAt) - attempt.startedAt,
        inputRows: Number(attempt.stats?.inputRows ?? 0),
        outputRows: Number(attempt.stats?.outputRows ?? 0),
        outputBytes: Number(attempt.stats?.outputBytes ?? 0),
        error: attempt.error,
      })),
  };
}

function stageState(query: QueryState, position: number, run: RunView | undefined): StageTree['state'] {
  const records = run?.state.stages[position]?.records ?? [];
  const attempts = run?.log.of(position) ?? [];
  if (records.length > 0 && records.every(({ state }) => state.kind === 'finished')) return 'finished';
  if (query === 'canceled') return attempts.length > 0 ? 'canceled' : 'waiting';
  if (query === 'failed') {
    if (attempts.length === 0) return 'waiting';
    return attempts.at(-1)?.state === 'failed' || attempts.some(({ state }) => state === 'failed')
      ? 'failed'
      : 'canceled';
  }
  // What was lost after everybody had read it has done its work.
  if (query === 'finished' && attempts.length > 0) return 'finished';
  return attempts.length > 0 ? 'running' : 'waiting';
}

function elapsed(attempts: readonly LoggedAttempt[], run: RunView | undefined): number | undefined {
  if (attempts.length === 0 || run === undefined) return undefined;
  const start = Math.min(...attempts.map((attempt) => attempt.startedAt));
  return Math.max(...attempts.map((attempt) => attempt.endedAt ?? run.now)) - start;
}

function describeOutput(output: ExecutionOutput): string {
  switch (output.kind) {
    case 'hash':
      return `hash (${output.labels.join(', ')}) into ${output.partitions}`;
    case 'gather':
    case 'result':
      return output.kind;
    default:
      return assertNever(output);
  }
}
