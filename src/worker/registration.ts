import { create } from '@bufbuild/protobuf';
import { type Clock, type Random, sleep, toSkeinError } from '../common/index.ts';
import { DuckDb } from '../duckdb/index.ts';
import {
  type CoordinatorClient,
  protocolVersion,
  RegisterRequestSchema,
  type RegisterResponse,
} from '../rpc/index.ts';
import { hostId } from './host-identity.node.ts';
import type { Worker, WorkerOptions } from './worker.ts';

/** What pino's loggers offer, too. */
export interface WorkerLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

const firstRetryMs = 200;
const lastRetryMs = 5_000;

export interface RegistrationOptions {
  readonly worker: Worker;
  readonly url: string;
  readonly coordinator: CoordinatorClient;
  readonly options: Pick<WorkerOptions, 'threads' | 'memoryBytes' | 'hostId'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: WorkerLog | undefined;
}

/** Keeps a worker known to its coordinator: registers, sends heartbeats, and registers again when forgotten. */
export class Registration {
  readonly #options: RegistrationOptions;
  readonly #stop = new AbortController();
  #accepted = false;
  #leaving = false;

  constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  /**
   * Begins, and goes on until `stop`.
   * @returns resolves at the first registration; rejects when the coordinator refuses this worker for good
   */
  start(): Promise<void> {
    const first = this.#register();
    const registered = first.then(() => {});
    registered.catch(() => {});
    this.#beat(first).catch((error: unknown) => {
      if (this.#stop.signal.aborted) return;
      this.#options.log?.warn({ error: toSkeinError(error).message }, 'the coordinator refuses this worker');
    });
    return registered;
  }

  /** Tells the coordinator to send no more tasks. Heartbeats go on. */
  async leave(): Promise<void> {
    const { coordinator, worker, log } = this.#options;
    this.#leaving = true;
    await coordinator.leave(worker.id, this.#stop.signal).catch((error: unknown) => {
      log?.warn(
        { error: toSkeinError(error).message },
        'could not tell the coordinator that this worker leaves',
      );
    });
  }

  stop(): void {
    this.#stop.abort();
  }

  async #beat(first: Promise<RegisterResponse>): Promise<void> {
    const { coordinator, worker, clock, log } = this.#options;
    const { signal } = this.#stop;
    let registration = await first;
    let silent = false;
    for (;;) {
      await sleep(clock, registration.heartbeatMs, signal);
      try {
        const { known } = await coordinator.heartbeat(await worker.getStatus(), signal);
        if (silent) log?.info({}, 'the coordinator answers again');
        silent = false;
        if (known || this.#leaving) continue;
      } catch (error) {
        if (signal.aborted) return;
        if (!silent) log?.warn({ error: toSkeinError(error).message }, 'the coordinator does not answer');
        silent = true;
        continue;
      }
      log?.info({}, 'the coordinator does not know this worker: registering again');
      registration = await this.#register();
    }
  }

  /** Tries until it works. Throws only at first, what another try cannot change: later the coordinator may. */
  async #register(): Promise<RegisterResponse> {
    const { coordinator, worker, url, clock, random, log } = this.#options;
    const { signal } = this.#stop;
    for (let delayMs = firstRetryMs; ; delayMs = Math.min(2 * delayMs, lastRetryMs)) {
      try {
        // Whoever forgot this worker has written off its outputs.
        await worker.spool.discardCommitted();
        const response = await coordinator.register(this.#request(), signal);
        await this.#allowReading(response.dataRoots);
        this.#accepted = true;
        log?.info({ url, workerId: worker.id }, 'registered with the coordinator');
        return response;
      } catch (error) {
        const skein = toSkeinError(error);
        if (signal.aborted || (skein.retry === 'never' && !this.#accepted)) throw skein;
        log?.warn({ error: skein.message }, 'could not register with the coordinator; trying again');
      }
      await sleep(clock, delayMs * (0.5 + random.next()), signal);
    }
  }

  /** A worker that cannot read the data must not get tasks. */
  async #allowReading(dataRoots: readonly string[]): Promise<void> {
    const { worker, coordinator } = this.#options;
    try {
      await worker.allowReading(dataRoots);
    } catch (error) {
      await coordinator.leave(worker.id, this.#stop.signal).catch(() => {});
      throw error;
    }
  }

  #request() {
    const { worker, url, options } = this.#options;
    return create(RegisterRequestSchema, {
      workerId: worker.id,
      url,
      hostId: options.hostId ?? hostId(),
      threads: options.threads,
      memoryBytes: BigInt(options.memoryBytes),
      duckdbVersion: DuckDb.version(),
      protocolVersion,
      pid: process.pid,
    });
  }
}
