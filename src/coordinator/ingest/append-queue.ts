import { type Clock, SkeinError, SqlState, toSkeinError } from '../../common/index.ts';
import type { AppendOutcome } from './append-work.ts';
import type { AppendedRows } from './appended-rows.ts';
import type { AppendResult } from './ingest-service.ts';

export interface AppendLimits {
  /** How long rows wait for others to share a commit with. */
  readonly flushMs: number;
  /** Rows and bytes that are not waited with any longer. */
  readonly flushRows: number;
  readonly flushBytes: number;
  /** Of one request. */
  readonly requestBytes: number;
  /** Of all requests of all tables that have no answer yet. */
  readonly waitingBytes: number;
}

export const defaultAppendLimits: AppendLimits = {
  flushMs: 100,
  flushRows: 100_000,
  flushBytes: 16 * 1024 ** 2,
  requestBytes: 16 * 1024 ** 2,
  waitingBytes: 128 * 1024 ** 2,
};

interface Waiting extends AppendedRows {
  readonly sinceMs: number;
  readonly settle: (outcome: AppendOutcome) => void;
}

/** Commits requests of one table. Tells `settle` of each; where it rejects, of none that it has not told of. */
export type CommitAppends = (
  requests: readonly AppendedRows[],
  settle: (index: number, outcome: AppendOutcome) => void,
) => Promise<void>;

/** Bytes that wait, over all tables. */
export class WaitingBytes {
  readonly #limits: AppendLimits;
  #bytes = 0;

  constructor(limits: AppendLimits) {
    this.#limits = limits;
  }

  /** @throws SkeinError 54000, 53000 */
  take(bytes: number): void {
    const { requestBytes, waitingBytes } = this.#limits;
    if (bytes > requestBytes) {
      throw new SkeinError(
        SqlState.limitExceeded,
        `an append has at most ${requestBytes} bytes, this one ${bytes}`,
        {
          hint: 'Load large files: POST /data/load.',
        },
      );
    }
    if (this.#bytes + bytes > waitingBytes) {
      throw new SkeinError(SqlState.insufficientResources, 'too many rows are waiting to be appended', {
        hint: 'Send them again in a moment.',
      });
    }
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** The one writer of appends to a table: groups what comes at nearly the same time into one commit, in order. */
export class AppendQueue {
  readonly #clock: Clock;
  readonly #limits: AppendLimits;
  readonly #bytes: WaitingBytes;
  readonly #commit: CommitAppends;
  readonly #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #closing = false;

  constructor(options: { clock: Clock; limits: AppendLimits; bytes: WaitingBytes; commit: CommitAppends }) {
    this.#clock = options.clock;
    this.#limits = options.limits;
    this.#bytes = options.bytes;
    this.#commit = options.commit;
  }

  get isIdle(): boolean {
    return this.#running === undefined;
  }

  /** @throws SkeinError as `WaitingBytes.take`, and what became of the rows */
  append(request: AppendedRows): Promise<AppendResult> {
    const { bytes } = request;
    this.#bytes.take(bytes);
    return new Promise((resolve, reject) => {
      const settle = (outcome: AppendOutcome): void => {
        this.#bytes.give(bytes);
        if (outcome.kind === 'appended') resolve(outcome.result);
        else reject(outcome.error);
      };
      this.#waiting.push({ ...request, sinceMs: this.#clock.monotonic(), settle });
      this.#wake?.();
      this.#running ??= this.#run().finally(() => {
        this.#running = undefined;
      });
    });
  }

  /** Waits for nothing any more, and resolves when all is settled. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#wake?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting) {
      await this.#untilDue(first.sinceMs);
      await this.#flush(this.#waiting.splice(0, this.#groupLength()));
    }
  }

  async #untilDue(sinceMs: number): Promise<void> {
    const dueMs = sinceMs + this.#limits.flushMs;
    for (;;) {
      const leftMs = dueMs - this.#clock.monotonic();
      if (leftMs <= 0 || this.#closing || this.#isFull()) return;
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.after(leftMs, resolve);
        this.#wake = () => {
          cancel();
          resolve();
        };
      });
      this.#wake = undefined;
    }
  }

  #isFull(): boolean {
    const { flushRows, flushBytes } = this.#limits;
    const rows = this.#waiting.reduce((sum, request) => sum + request.rows, 0);
    const bytes = this.#waiting.reduce((sum, request) => sum + request.bytes, 0);
    return rows >= flushRows || bytes >= flushBytes;
  }

  /** A request with a key goes alone: its transaction is in its commit. Rows of one commit have one shape. */
  #groupLength(): number {
    const { flushRows, flushBytes } = this.#limits;
    let rows = 0;
    let bytes = 0;
    const shape = this.#waiting[0]?.shape;
    for (const [index, request] of this.#waiting.entries()) {
      if (request.idempotencyKey !== undefined) return Math.max(1, index);
      if (request.shape !== shape) return index;
      rows += request.rows;
      bytes += request.bytes;
      if (rows >= flushRows || bytes >= flushBytes) return index + 1;
    }
    return this.#waiting.length;
  }

  async #flush(group: readonly Waiting[]): Promise<void> {
    const open = new Set(group);
    const settle = (request: Waiting | undefined, outcome: AppendOutcome): void => {
      if (request === undefined || !open.delete(request)) return;
      request.settle(outcome);
    };
    let error: SkeinError;
    try {
      await this.#commit(group, (index, outcome) => settle(group[index], outcome));
      error = new SkeinError(SqlState.internalError, 'an append was forgotten');
    } catch (cause) {
      error = toSkeinError(cause);
    }
    for (const request of open) settle(request, { kind: 'refused', error });
  }
}
