import { assertNever, SkeinError, SqlState, type WorkerId } from '../../common/index.ts';
import { chooseWorker, countRunning } from './choose-worker.ts';
import { Draft } from './draft.ts';
import type {
  AttemptFailure,
  ScheduleEffect,
  ScheduleEvent,
  ScheduleState,
  StageInputs,
  TaskAttempt,
  TaskRecord,
} from './schedule-state.ts';

/**
 * One step of a query's run. Pure: the shell that calls it starts and stops attempts as `effects` says, in order, and
 * reports what became of them as further events.
 *
 * - A stage's tasks start when every task of its inputs has a winning attempt whose output can be read.
 * - One attempt a task runs at a time; reports of any other are ignored, so the first commit wins.
 * - Outputs that are gone are recomputed when a task that has yet to start needs them, and so are theirs in turn;
 *   readers that are already running go on, and say so themselves if they cannot.
 * - A stage that is not deterministic is recomputed only while nobody has finished reading it; after that the whole
 *   query runs again.
 */
export function schedule(
  state: ScheduleState,
  event: ScheduleEvent,
): { readonly state: ScheduleState; readonly effects: readonly ScheduleEffect[] } {
  if (state.phase === 'ended') return { state, effects: [] };
  const draft = new Draft(state, event.now);
  apply(draft, event);
  const wakeAt = draft.ended ? undefined : advance(draft);
  return draft.finish(wakeAt);
}

function apply(draft: Draft, event: ScheduleEvent): void {
  switch (event.kind) {
    case 'started':
    case 'tick':
      return;
    case 'taskSucceeded':
      succeed(draft, event, event.holder);
      return;
    case 'taskFailed':
      if (isRunning(draft, event)) failTask(draft, event, event.failure);
      return;
    case 'rootSucceeded':
      if (isRunning(draft, { stage: draft.root, task: 0, attempt: event.attempt })) {
        draft.update(draft.root, 0, {
          state: { kind: 'finished', attempt: event.attempt, holder: undefined },
        });
        draft.end({ kind: 'completed' });
      }
      return;
    case 'rootFailed':
      failRoot(draft, event.attempt, event.failure, event.rowsSent);
      return;
    case 'workerJoined':
      draft.setWorker(event.worker, 'alive');
      return;
    case 'workerSuspect':
      if (draft.workers.has(event.worker)) draft.setWorker(event.worker, 'suspect');
      return;
    case 'workerDraining':
      if (draft.workers.has(event.worker)) draft.setWorker(event.worker, 'draining');
      return;
    case 'workerLost':
      loseWorker(draft, event.worker);
      return;
    case 'canceled':
      draft.end(undefined);
      return;
    default:
      assertNever(event);
      return;
  }
}

function isRunning(draft: Draft, { stage, task, attempt }: TaskAttempt): boolean {
  const state = draft.record(stage, task)?.state;
  return state?.kind === 'running' && state.attempt === attempt;
}

function succeed(draft: Draft, id: TaskAttempt, holder: WorkerId | undefined): void {
  if (!isRunning(draft, id)) return;
  draft.update(id.stage, id.task, {
    state: { kind: 'finished', attempt: id.attempt, holder },
    everFinished: true,
  });
}

function failTask(draft: Draft, { stage, task }: TaskAttempt, failure: AttemptFailure): void {
  const record = draft.stage(stage).records[task];
  if (record?.state.kind !== 'running') return;
  const { worker } = record.state;
  draft.update(stage, task, { state: { kind: 'waiting' } });
  switch (failure.retry) {
    case 'never':
      draft.end({ kind: 'fail', error: failure.cause, restart: false });
      return;
    case 'query':
      draft.end({ kind: 'fail', error: failure.cause, restart: true });
      return;
    case 'task':
    case 'stage':
      break;
    default:
      assertNever(failure.retry);
  }
  const inputFault = failure.retry === 'stage';
  const again: TaskRecord = {
    ...record,
    state: { kind: 'waiting' },
    inputFaults: record.inputFaults + (inputFault ? 1 : 0),
    hostFaults: record.hostFaults + (!inputFault && failure.hostFault ? 1 : 0),
    taskFaults: record.taskFaults + (!inputFault && !failure.hostFault ? 1 : 0),
    // A lost input is no reason to leave the worker, but when it happens again it may be the worker that cannot read.
    avoid: inputFault && record.inputFaults === 0 ? record.avoid : avoiding(record, worker),
  };
  if (isSpent(draft, again)) {
    draft.end({ kind: 'fail', error: failure.cause, restart: false });
    return;
  }
  const failures = again.inputFaults + again.hostFaults + again.taskFaults;
  const delay = Math.min(draft.limits.maxBackoffMs, draft.limits.backoffMs * 2 ** (failures - 1));
  draft.update(stage, task, { ...again, notBefore: draft.now + delay });
  if (inputFault) loseOutputs(draft, failure);
}

function failRoot(draft: Draft, attempt: number, failure: AttemptFailure, rowsSent: boolean): void {
  const id = { stage: draft.root, task: 0, attempt };
  if (!isRunning(draft, id)) return;
  failTask(draft, id, rowsSent ? { ...failure, retry: 'never' } : failure);
}

function isSpent(draft: Draft, record: TaskRecord): boolean {
  const { taskTries, hostFaults, inputFaults } = draft.limits;
  return (
    record.taskFaults >= taskTries || record.hostFaults >= hostFaults || record.inputFaults >= inputFaults
  );
}

function avoiding(record: TaskRecord, worker: WorkerId | undefined): readonly WorkerId[] {
  return worker === undefined || record.avoid.includes(worker) ? record.avoid : [...record.avoid, worker];
}

/** Takes away the winning attempts that a reader could not read. Attempts that no longer win are left alone. */
function loseOutputs(draft: Draft, failure: AttemptFailure): void {
  for (const { stage, task, attempt } of failure.lost) {
    const record = draft.record(stage, task);
    if (record?.state.kind !== 'finished' || record.state.attempt !== attempt) continue;
    const losses = record.losses + 1;
    if (losses > draft.limits.inputFaults) {
      draft.end({ kind: 'fail', error: failure.cause, restart: false });
      return;
    }
    draft.update(stage, task, {
      state: { kind: 'lost' },
      losses,
      avoid: avoiding(record, record.state.holder),
    });
  }
}

function loseWorker(draft: Draft, worker: WorkerId): void {
  draft.setWorker(worker, undefined);
  draft.stages.forEach((stage, position) => {
    stage.records.forEach(({ state }, task) => {
      if (state.kind === 'running' && state.worker === worker) {
        draft.effects.push({
          kind: 'abortAttempt',
          stage: position,
          task,
          attempt: state.attempt,
          worker,
        });
        draft.update(position, task, { state: { kind: 'waiting' } });
      } else if (state.kind === 'finished' && state.holder === worker) {
        draft.update(position, task, { state: { kind: 'lost' } });
      }
    });
  });
}

/** Starts what can be started. @returns when a tick is needed */
function advance(draft: Draft): number | undefined {
  const demanded = markDemanded(draft);
  if (draft.ended) return undefined;
  const running = countRunning(draft);
  let wakeAt = Number.POSITIVE_INFINITY;
  let starved = false;
  for (const [position, stage] of draft.stages.entries()) {
    if (!demanded.has(position) || !hasWaiting(draft, position)) continue;
    const inputs = readyInputs(draft, stage.inputs);
    if (inputs === undefined) continue;
    for (const task of stage.records.keys()) {
      const outcome = start(draft, position, task, inputs, running);
      if (outcome === 'starved') starved = true;
      else if (outcome !== undefined) wakeAt = Math.min(wakeAt, outcome);
    }
  }
  if (!starved) {
    draft.noWorkersSince = undefined;
    return Number.isFinite(wakeAt) ? wakeAt : undefined;
  }
  draft.noWorkersSince ??= draft.now;
  const deadline = draft.noWorkersSince + draft.limits.noWorkersMs;
  if (draft.now >= deadline) {
    draft.end({ kind: 'fail', error: noWorkersError(), restart: false });
    return undefined;
  }
  return Math.min(wakeAt, deadline);
}

/**
 * Stages whose outputs are still needed: the root, and the inputs of every needed stage with a task that has yet to
 * start. Their lost tasks become waiting.
 */
function markDemanded(draft: Draft): ReadonlySet<number> {
  const demanded = new Set([draft.root]);
  for (let position = draft.root; position >= 0 && !draft.ended; position -= 1) {
    if (!demanded.has(position)) continue;
    // Readers that were taken back are above, and need all of their inputs again: look from the top.
    if (recompute(draft, position)) return markDemanded(draft);
    if (!hasWaiting(draft, position)) continue;
    for (const input of draft.stage(position).inputs) demanded.add(input);
  }
  return demanded;
}

/** Makes the lost tasks of a stage wait. @returns true when running readers had to be taken back for it */
function recompute(draft: Draft, position: number): boolean {
  const { records, deterministic } = draft.stage(position);
  if (!records.some(({ state }) => state.kind === 'lost')) return false;
  let abandoned = false;
  if (!deterministic) {
    const consumers = [...draft.stages.keys()].filter((at) => draft.stage(at).inputs.includes(position));
    if (consumers.some((at) => draft.stage(at).records.some((record) => record.everFinished))) {
      draft.end({ kind: 'fail', error: halfReadError(), restart: true });
      return false;
    }
    for (const at of consumers) abandoned = abandon(draft, at) || abandoned;
  }
  records.forEach((record, task) => {
    if (record.state.kind === 'lost') draft.update(position, task, { state: { kind: 'waiting' } });
  });
  return abandoned;
}

/** Takes back the running attempts of a stage: what they read is no longer what others will read. */
function abandon(draft: Draft, position: number): boolean {
  let abandoned = false;
  draft.stage(position).records.forEach(({ state }, task) => {
    if (state.kind !== 'running') return;
    const { attempt, worker } = state;
    draft.effects.push({ kind: 'abortAttempt', stage: position, task, attempt, worker });
    draft.update(position, task, { state: { kind: 'waiting' } });
    abandoned = true;
  });
  return abandoned;
}

function hasWaiting(draft: Draft, position: number): boolean {
  return draft.stage(position).records.some(({ state }) => state.kind === 'waiting');
}

/** The winning attempts of all inputs, or undefined while one is missing. */
function readyInputs(draft: Draft, inputs: readonly number[]): readonly StageInputs[] | undefined {
  const ready: StageInputs[] = [];
  for (const stage of inputs) {
    const attempts: number[] = [];
    for (const { state } of draft.stage(stage).records) {
      if (state.kind !== 'finished') return undefined;
      attempts.push(state.attempt);
    }
    ready.push({ stage, attempts });
  }
  return ready;
}

/** @returns `starved` when no worker takes tasks; a time when the task has to wait until then */
function start(
  draft: Draft,
  stage: number,
  task: number,
  inputs: readonly StageInputs[],
  running: Map<WorkerId, number>,
): 'starved' | number | undefined {
  const record = draft.stage(stage).records[task];
  if (record?.state.kind !== 'waiting') return undefined;
  const attempt = record.nextAttempt;
  if (stage === draft.root) {
    if (draft.now < record.notBefore) return record.notBefore;
    draft.update(stage, task, {
      state: { kind: 'running', attempt, worker: undefined },
      nextAttempt: attempt + 1,
    });
    draft.effects.push({ kind: 'startRoot', attempt, inputs });
    return undefined;
  }
  const choice = chooseWorker(draft, record, running, draft.stage(stage).near?.[task]);
  switch (choice.kind) {
    case 'none':
      return 'starved';
    case 'later':
      return choice.at;
    case 'busy':
      return undefined;
    case 'worker': {
      const { worker } = choice;
      running.set(worker, (running.get(worker) ?? 0) + 1);
      draft.update(stage, task, { state: { kind: 'running', attempt, worker }, nextAttempt: attempt + 1 });
      draft.effects.push({ kind: 'launchTask', stage, task, attempt, worker, inputs });
      return undefined;
    }
    default:
      return assertNever(choice);
  }
}

function noWorkersError(): SkeinError {
  return new SkeinError(SqlState.cannotConnectNow, 'no workers are available to run the query', {
    hint: 'start a worker, or wait until one has joined, and run the query again',
  });
}

function halfReadError(): SkeinError {
  return new SkeinError(
    SqlState.insufficientResources,
    'a worker was lost with rows that others had already read and that would come out differently a second time',
    { retry: 'query', hint: 'run the query again' },
  );
}
