import { type Clock, sleep, type WorkerId } from '../common/index.ts';
import type { Membership } from './members/index.ts';

/** One call's patience; a worker that does not answer is asked again. */
const callMs = 3_000;
const firstDelayMs = 100;
const maxDelayMs = 5_000;
/** Ended runs that a worker out of reach still has to hear of. */
const maxOwed = 10_000;

/**
 * Tells workers that a run has ended, so that they stop its attempts and delete its files, until each of them has
 * answered. A worker that is lost is told when it comes back.
 */
export class SpoolReleaser {
  readonly #members: Membership;
  readonly #clock: Clock;
  readonly #owed = new Map<WorkerId, Set<string>>();
  readonly #closing = new AbortController();
  readonly #unsubscribe: () => void;

  constructor(members: Membership, clock: Clock) {
    this.#members = members;
    this.#clock = clock;
    this.#unsubscribe = members.subscribe(({ kind, worker }) => {
      if (kind === 'joined') this.#settle(worker);
    });
  }

  /** Resolves when every worker that is still a member has answered. Never rejects. */
  async release(executionId: string, workers: ReadonlySet<WorkerId>): Promise<void> {
    await Promise.all([...workers].map((worker) => this.#tell(worker, executionId)));
  }

  close(): void {
    this.#unsubscribe();
    this.#closing.abort();
  }

  async #tell(worker: WorkerId, executionId: string): Promise<void> {
    for (
      let delayMs = firstDelayMs;
      !this.#closing.signal.aborted;
      delayMs = Math.min(maxDelayMs, delayMs * 2)
    ) {
      const member = this.#members.get(worker);
      if (member === undefined) {
        this.#owe(worker, executionId);
        return;
      }
      const patience = new AbortController();
      const cancelTimer = this.#clock.after(callMs, () => patience.abort());
      try {
        await member.client.dropQuery(executionId, AbortSignal.any([patience.signal, this.#closing.signal]));
        return;
      } catch {
        await sleep(this.#clock, delayMs, this.#closing.signal).catch(() => undefined);
      } finally {
        cancelTimer();
      }
    }
  }

  #owe(worker: WorkerId, executionId: string): void {
    const owed = this.#owed.get(worker) ?? new Set();
    owed.add(executionId);
    // A worker that stays away is forgotten in the end, the longest away first.
    this.#owed.delete(worker);
    this.#owed.set(worker, owed);
    let total = [...this.#owed.values()].reduce((sum, ids) => sum + ids.size, 0);
    for (const [other, ids] of this.#owed) {
      if (total <= maxOwed) break;
      total -= ids.size;
      this.#owed.delete(other);
    }
  }

  #settle(worker: WorkerId): void {
    const owed = this.#owed.get(worker);
    this.#owed.delete(worker);
    for (const executionId of owed ?? []) void this.#tell(worker, executionId);
  }
}
