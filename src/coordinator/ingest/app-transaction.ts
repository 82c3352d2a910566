import { storeCommitLog } from '../../storage/index.ts';
import type { DeltaTarget } from '../statements/delta-target.ts';

/** The Delta application that stands for one key: its only transaction is version 1. */
export function appTransaction({ snapshot }: DeltaTarget, key: string): { appId: string; version: number } {
  // The table's id goes with it where the table is renamed, and not to another one of its name.
  return { appId: `skein/${snapshot.metadata.id}/${key}`, version: 1 };
}

/** What a key was used for. */
export interface EarlierCommit {
  readonly version: number | undefined;
  readonly rows: number | undefined;
}

/** Versions looked at: timestamps of files and of transactions come from different clocks. */
const before = 3;
const after = 12;

/**
 * The commit that a key was used for before; undefined: it was not. Version and rows are undefined where the log does
 * not have the entry any more.
 */
export async function earlierCommit(
  { table, snapshot }: DeltaTarget,
  appId: string,
  signal: AbortSignal,
): Promise<EarlierCommit | undefined> {
  const transaction = snapshot.transactions.get(appId);
  if (transaction === undefined) return undefined;
  const unknown = { version: undefined, rows: undefined };
  const { lastUpdated } = transaction;
  if (lastUpdated === undefined) return unknown;
  const near = await table.log
    .snapshot({ timestampMs: lastUpdated, signal })
    .then(({ version }) => version)
    .catch(() => undefined);
  signal.throwIfAborted();
  const log = storeCommitLog(table.store);
  const first = Math.max(0, (near ?? snapshot.version) - before);
  const last = Math.min(snapshot.version, (near ?? snapshot.version) + after);
  for (let version = last; version >= first; version -= 1) {
    const entry = await log.commit(version, signal).catch(() => undefined);
    const isIt = entry?.actions.some((action) => 'txn' in action && action.txn.appId === appId) ?? false;
    if (entry === undefined || !isIt) continue;
    const info = entry.actions.find((action) => 'commitInfo' in action)?.commitInfo;
    const metrics = info?.operationMetrics as Readonly<Record<string, unknown>> | undefined;
    const rows = Number(metrics?.numOutputRows);
    return { version, rows: Number.isSafeInteger(rows) ? rows : undefined };
  }
  return unknown;
}
