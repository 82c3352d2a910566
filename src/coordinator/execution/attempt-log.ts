import type { TaskStats } from '../../rpc/index.ts';
import type { TaskAttempt } from '../scheduler/index.ts';

export interface LoggedAttempt extends TaskAttempt {
  /** `coordinator` for the root. */
  readonly worker: string;
  state: 'running' | 'finished' | 'failed' | 'canceled' | 'lost';
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  endedAt: number | undefined;
  stats: TaskStats | undefined;
  error: string | undefined;
}

/** Every attempt of a run, in the order of their start. */
export class AttemptLog {
  readonly #attempts = new Map<string, LoggedAttempt>();

  start(id: TaskAttempt, worker: string, now: number): void {
    this.#attempts.set(attemptKey(id), {
      stage: id.stage,
      task: id.task,
      attempt: id.attempt,
      worker,
      state: 'running',
      startedAt: now,
      endedAt: undefined,
      stats: undefined,
      error: undefined,
    });
  }

  /** Only the first end of an attempt counts. */
  end(
    id: TaskAttempt,
    state: 'finished' | 'failed' | 'canceled' | 'lost',
    now: number,
    outcome: { readonly stats?: TaskStats | undefined; readonly error?: string } = {},
  ): void {
    const logged = this.#attempts.get(attemptKey(id));
    if (logged === undefined || logged.state !== 'running') return;
    logged.state = state;
    logged.endedAt = now;
    logged.stats = outcome.stats;
    logged.error = outcome.error;
  }

  all(): readonly LoggedAttempt[] {
    return [...this.#attempts.values()];
  }

  of(stage: number): readonly LoggedAttempt[] {
    return this.all().filter((logged) => logged.stage === stage);
  }
}

export function attemptKey({ stage, task, attempt }: TaskAttempt): string {
  return `${stage}.${task}.${attempt}`;
}
