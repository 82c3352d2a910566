import { type Clock, sleep, type WorkerId } from '../common/index.ts';
import type { Member, Membership } from './members/index.ts';

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
  /** Calls that are out. */
  readonly #calls = new Set<AbortController>();
  #closed = false;
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
    this.#closed = true;
    for (const call of this.#calls) call.abort();
  }

  async #tell(worker: WorkerId, executionId: string): Promise<void> {
    let delayMs = firstDelayMs;
    while (!this.#closed) {
      const member = this.#members.get(worker);
      if (member === undefined) {
        this.#owe(worker, executionId);
        return;
      }
      if (await this.#call(member, executionId, delayMs)) return;
      delayMs = Math.min(maxDelayMs, delayMs * 2);
    }
  }

  /** @returns false when the worker did not answer, after a while */
  async #call(member: Member, executionId: string, delayMs: number): Promise<boolean> {
    const call = new AbortController();
    this.#calls.add(call);
    const cancelTimer = this.#clock.after(callMs, () => call.abort());
    try {
      await member.client.dropQuery(executionId, call.signal);
      return true;
    } catch {
      cancelTimer();
      await sleep(this.#clock, delayMs, call.signal).catch(() => undefined);
      return false;
    } finally {
      cancelTimer();
      this.#calls.delete(call);
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
