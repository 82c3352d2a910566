import { type Clock, SkeinError, SqlState } from '../common/index.ts';

export interface AdmissionLimits {
  /** Queries that run at a time. */
  readonly maxRunning: number;
  /** Queries that wait for one of them to end. */
  readonly maxQueued: number;
  /** How long they wait. */
  readonly queueTimeoutMs: number;
}

interface Waiting {
  readonly admit: () => void;
}

/** Lets a bounded number of queries run, a bounded number wait in order of arrival, and refuses the rest. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #clock: Clock;
  readonly #queue = new Set<Waiting>();
  #running = 0;

  constructor(limits: AdmissionLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  get running(): number {
    return this.#running;
  }

  get queued(): number {
    return this.#queue.size;
  }

  /**
   * @returns gives the place back; calling it again does nothing
   * @throws SkeinError 53300 when the queue is full or the wait too long; the signal's reason when it aborts
   */
  async enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#running < this.#limits.maxRunning) this.#running += 1;
    else await this.#wait(signal);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#leave();
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    const { maxRunning, maxQueued, queueTimeoutMs } = this.#limits;
    if (this.#queue.size >= maxQueued) {
      throw new SkeinError(
        SqlState.tooManyQueries,
        `too many queries: ${maxRunning} are running and ${this.#queue.size} are waiting`,
        { hint: 'try again later' },
      );
    }
    return new Promise((resolve, reject) => {
      const done = (): void => {
        this.#queue.delete(waiting);
        cancelTimer();
        signal.removeEventListener('abort', onAbort);
      };
      const waiting: Waiting = {
        admit: () => {
          done();
          resolve();
        },
      };
      const onAbort = (): void => {
        done();
        reject(signal.reason as Error);
      };
      const cancelTimer = this.#clock.after(queueTimeoutMs, () => {
        done();
        const waitedS = Math.round(queueTimeoutMs / 1_000);
        reject(
          new SkeinError(
            SqlState.tooManyQueries,
            `waited ${waitedS} s for one of ${maxRunning} running queries to end`,
            { hint: 'try again later' },
          ),
        );
      });
      signal.addEventListener('abort', onAbort, { once: true });
      this.#queue.add(waiting);
    });
  }

  /** The place goes to the one who has waited longest. */
  #leave(): void {
    const [next] = this.#queue;
    if (next === undefined) this.#running -= 1;
    else next.admit();
  }
}
