import type { Clock } from '../common/index.ts';

/** What this process takes of its machine. */
export class ProcessLoad {
  readonly #clock: Clock;
  readonly #threads: number;
  #cpuMicros: number;
  #atMs: number;

  constructor(clock: Clock, threads: number) {
    this.#clock = clock;
    this.#threads = threads;
    this.#cpuMicros = cpuMicros();
    this.#atMs = clock.monotonic();
  }

  /** 0 to 1: processor time since the last call, as a share of what the worker's threads could take. */
  sinceLast(): number {
    const micros = cpuMicros();
    const now = this.#clock.monotonic();
    const possible = (now - this.#atMs) * 1000 * this.#threads;
    const load = possible <= 0 ? 0 : Math.min(1, (micros - this.#cpuMicros) / possible);
    this.#cpuMicros = micros;
    this.#atMs = now;
    return load;
  }

  residentBytes(): number {
    return process.memoryUsage.rss();
  }
}

function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
