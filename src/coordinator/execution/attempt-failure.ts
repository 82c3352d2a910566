import { type SkeinError, toSkeinError } from '../../common/index.ts';
import { LostInputError } from '../../rpc/index.ts';
import type { AttemptFailure, TaskAttempt } from '../scheduler/index.ts';

/** Judges why an attempt failed. `positions` gives the position of a stage in the plan by its id. */
export function toAttemptFailure(error: unknown, positions: ReadonlyMap<number, number>): AttemptFailure {
  const cause = toSkeinError(error);
  const lost = cause instanceof LostInputError ? lostAttempts(cause, positions) : [];
  return {
    // Inputs that are lost, but not named, cannot be recomputed one by one: try the task again.
    retry: cause.retry === 'stage' && lost.length === 0 ? 'task' : cause.retry,
    hostFault: isHostFault(cause),
    lost,
    cause,
  };
}

/** The way to the node broke, or the node is going down: no fault of the task. */
export function isHostFault(error: SkeinError): boolean {
  return error.sqlState.startsWith('08') || error.sqlState.startsWith('57P');
}

function lostAttempts(error: LostInputError, positions: ReadonlyMap<number, number>): readonly TaskAttempt[] {
  const attempts = new Map<string, TaskAttempt>();
  for (const { producer } of error.lost) {
    const stage = producer && positions.get(producer.stageId);
    if (producer === undefined || stage === undefined) continue;
    const { task, attempt } = producer;
    attempts.set(`${stage}.${task}.${attempt}`, { stage, task, attempt });
  }
  return [...attempts.values()];
}
