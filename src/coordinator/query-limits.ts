import type { AdmissionLimits } from './admission.ts';
import type { KeptResultLimits } from './kept-results.ts';
import type { HistoryLimits } from './query-history.ts';
import { defaultScheduleLimits, type ScheduleLimits } from './scheduler/index.ts';

export interface QueryLimits extends AdmissionLimits, KeptResultLimits, HistoryLimits {
  /** Bytes of all scanned tables up to which a query runs as one fragment on the coordinator. */
  readonly bypassBytes: number;
  /** Estimated bytes up to which a side of a join is broadcast. */
  readonly broadcastBytes: number;
  /** Whole restarts of a query whose client has no rows yet. */
  readonly maxRestarts: number;
  /** How long a client may let the rows of its query lie before it is canceled. */
  readonly clientIdleMs: number;
  /** Rows of a kept result that cannot be spooled. */
  readonly memoryRows: number;
  /** Rows that a PIVOT may look up while it is planned. */
  readonly evaluateRows: number;
  readonly schedule: ScheduleLimits;
}

export const defaultQueryLimits: QueryLimits = {
  maxRunning: 16,
  maxQueued: 200,
  queueTimeoutMs: 60_000,
  resultBytes: 4 * 1024 ** 3,
  resultMs: 15 * 60_000,
  pageRows: 10_000,
  history: 300,
  historyChars: 20_000_000,
  bypassBytes: 64 * 1024 ** 2,
  broadcastBytes: 32 * 1024 ** 2,
  maxRestarts: 2,
  clientIdleMs: 15 * 60_000,
  memoryRows: 100_000,
  evaluateRows: 10_000,
  schedule: defaultScheduleLimits,
};
