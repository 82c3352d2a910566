import type { Row } from './compare-rows.ts';
import { describeDifference } from './compare-rows.ts';

/** Something that answers queries: bare DuckDB, or Skein in some shape. */
export interface BenchEngine {
  /** `duckdb`, `2 workers`, `2 processes`. */
  readonly name: string;
  readonly kind: 'duckdb' | 'embedded' | 'processes';
  readonly workers: number;
  run(sql: string, signal: AbortSignal): Promise<readonly Row[]>;
  close(): Promise<void>;
}

export interface BenchQuery {
  readonly name: string;
  readonly sql: string;
}

/** One engine's runs of one query. */
export interface Measurement {
  readonly query: string;
  readonly engine: string;
  /** Milliseconds of each measured run, in order. */
  readonly runsMs: readonly number[];
  readonly medianMs: number;
  /** How its answer differs from the first engine's; undefined where it does not. */
  readonly difference: string | undefined;
}

export interface MeasureOptions {
  /** The first one's answers are the right ones. */
  readonly engines: readonly BenchEngine[];
  readonly queries: readonly BenchQuery[];
  /** Measured runs, after one that only warms up and is checked. */
  readonly runs: number;
  readonly signal: AbortSignal;
  /** Milliseconds, for durations. */
  now(): number;
  onProgress(query: BenchQuery, engine: BenchEngine, run: number): void;
}

/**
 * Runs every query on every engine, the engines in turn within each run so that a change of the machine's mood meets
 * all of them, each run starting with another engine. Every answer of every run is checked.
 */
export async function measure(options: MeasureOptions): Promise<readonly Measurement[]> {
  const { engines, queries, runs, signal, now, onProgress } = options;
  const measurements: Measurement[] = [];
  for (const query of queries) {
    const times = new Map<BenchEngine, number[]>(engines.map((engine) => [engine, []]));
    const differences = new Map<BenchEngine, string>();
    let expected: readonly Row[] | undefined;
    for (let run = 0; run <= runs; run++) {
      const start = run === 0 ? 0 : run % engines.length;
      for (const engine of [...engines.slice(start), ...engines.slice(0, start)]) {
        onProgress(query, engine, run);
        const before = now();
        const rows = await engine.run(query.sql, signal);
        const elapsedMs = now() - before;
        if (run > 0) times.get(engine)?.push(elapsedMs);
        expected ??= rows;
        const difference = describeDifference(expected, rows);
        if (difference !== undefined) differences.set(engine, difference);
      }
    }
    for (const engine of engines) {
      const runsMs = times.get(engine) ?? [];
      measurements.push({
        query: query.name,
        engine: engine.name,
        runsMs,
        medianMs: median(runsMs),
        difference: differences.get(engine),
      });
    }
  }
  return measurements;
}

export function median(values: readonly number[]): number {
  const ordered = [...values].sort((a, b) => a - b);
  const middle = ordered.length / 2;
  const at = (index: number): number => ordered[index] ?? Number.NaN;
  return Number.isInteger(middle) ? (at(middle - 1) + at(middle)) / 2 : at(Math.floor(middle));
}
