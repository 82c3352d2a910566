import { setMaxListeners } from 'node:events';
import { type AttemptId, type Clock, canceledError, type SkeinError, sleep } from '../common/index.ts';

/** Something under way for a query. */
export interface QueryTask {
  /** Aborts with the caller's signal, and when the query is stopped. */
  readonly signal: AbortSignal;
  abort(reason: SkeinError): void;
  /** @param fraction tells how much of it is done, 0 to 1, whenever somebody asks */
  measure(fraction: () => number): void;
  /** Must be called when it has ended, however it did. */
  end(): void;
}

interface RunningTask {
  readonly attempt: AttemptId;
  readonly controller: AbortController;
  readonly ended: Promise<void>;
  fraction: () => number;
  /** The most that `fraction` has told: a task of several statements begins again with each. */
  done: number;
}

/** How far a task is. */
export interface TaskShare {
  readonly attempt: AttemptId;
  /** 0 to 1. */
  readonly fraction: number;
}

/** A query's tasks get this long to stop; then whoever asked goes on without them. */
const stopMs = 500;

/** What is under way, by query, so that it can be stopped. */
export class QueryTasks {
  readonly #clock: Clock;
  readonly #running = new Set<RunningTask>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#running.size;
  }

  /** What is under way, and how far. */
  shares(): readonly TaskShare[] {
    return [...this.#running].map((task) => {
      task.done = Math.max(task.done, task.fraction());
      return { attempt: task.attempt, fraction: task.done };
    });
  }

  begin(attempt: AttemptId, signal: AbortSignal): QueryTask {
    const controller = new AbortController();
    let resolve = (): void => {};
    const ended = new Promise<void>((settle) => {
      resolve = settle;
    });
    const task: RunningTask = { attempt, controller, ended, fraction: () => 0, done: 0 };
    this.#running.add(task);
    const either = AbortSignal.any([signal, controller.signal]);
    // Every file that the task fetches listens.
    setMaxListeners(0, either);
    return {
      signal: either,
      abort: (reason) => controller.abort(reason),
      measure: (fraction) => {
        task.fraction = fraction;
      },
      end: () => {
        this.#running.delete(task);
        resolve();
      },
    };
  }

  /** Aborts a query's tasks. @returns when they have ended, or did not in half a second */
  async stop(queryId: string): Promise<void> {
    const tasks = [...this.#running].filter((task) => task.attempt.queryId === queryId);
    for (const task of tasks) task.controller.abort(canceledError());
    if (tasks.length === 0) return;
    const waiting = new AbortController();
    const patience = sleep(this.#clock, stopMs, waiting.signal).catch(() => {});
    await Promise.race([Promise.all(tasks.map((task) => task.ended)), patience]);
    waiting.abort();
  }

  /** Aborts everything. @returns when all have ended */
  async stopAll(reason: SkeinError): Promise<void> {
    const tasks = [...this.#running];
    for (const task of tasks) task.controller.abort(reason);
    await Promise.all(tasks.map((task) => task.ended));
  }
}
