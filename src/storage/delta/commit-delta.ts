import { type Clock, type Random, SkeinError, SqlState, sleep } from '../../common/index.ts';
import type { ObjectStore } from '../object-store/object-store.ts';
import type { CommitInfo, DeltaAction, TransactionAction } from './actions.ts';
import { checkActions, type TableHead } from './check-actions.ts';
import { type CommitLog, encodeCommit, type LogCommit } from './commit-log.ts';
import type { DeltaSnapshot } from './delta-snapshot.ts';
import {
  type ConflictReason,
  findConflict,
  type Isolation,
  type LosingTransaction,
  type TransactionReads,
} from './find-conflict.ts';
import { commitKey, LogListingBuilder, logFolder } from './log-files.ts';
import { randomUuid } from './random-uuid.ts';
import { isActive } from './table-features.ts';
import { deltaProperties } from './table-properties.ts';

export interface CommitRequest {
  readonly store: ObjectStore;
  readonly log: CommitLog;
  /** The version that the transaction read. */
  readonly read: DeltaSnapshot | 'new table';
  /** Without commitInfo, and without the action of `appTransaction`. */
  readonly actions: readonly DeltaAction[];
  readonly reads: TransactionReads;
  /** Left out: SnapshotIsolation where no action changes data, else what the table's properties say. */
  readonly isolation?: Isolation;
  /** Makes the commit happen once, however often it is tried: it is found by application and version. */
  readonly appTransaction?: Pick<TransactionAction, 'appId' | 'version'>;
  /** As the reference implementation names it: WRITE, DELETE, CREATE TABLE ... */
  readonly operation: string;
  readonly operationParameters?: Readonly<Record<string, unknown>>;
  readonly operationMetrics?: Readonly<Record<string, string>>;
  /** Further fields of commitInfo. */
  readonly commitInfo?: CommitInfo;
  readonly engineInfo: string;
  /**
   * When the snapshot was read (`Clock.now`): spares a listing that makes sure that the log still has everything since.
   */
  readonly readAtMs?: number;
  readonly maxAttempts?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal;
}

export type CommitResult =
  | { readonly kind: 'committed'; readonly version: number; readonly timestampMs: number }
  /** The transaction must be run again on a newer snapshot, if at all. */
  | { readonly kind: 'conflict'; readonly with: number; readonly reason: ConflictReason }
  /** It was committed before, as `version` or earlier. */
  | { readonly kind: 'duplicate'; readonly version: number };

const defaultAttempts = 200;
const settleAttempts = 6;

/**
 * Commits a transaction: the next entry of the log, created only if nobody else did. A lost race is decided by what the
 * winners did; where the rules allow it the transaction follows them.
 * @throws SkeinError 0A000, 55000 as `checkActions`; 40003 where nobody could find out whether it was committed (details:
 *   `txnId`, `version`); 57014 as the signal says, only where nothing was committed; those of the store
 * @see Delta PROTOCOL.md, Creation of New Log Entries
 */
export async function commitDelta(request: CommitRequest): Promise<CommitResult> {
  const { read, appTransaction } = request;
  const snapshot = read === 'new table' ? undefined : read;
  const head = checkActions(request.actions, snapshot, request.store.root);
  if (snapshot !== undefined && appTransaction !== undefined) {
    const last = snapshot.transactions.get(appTransaction.appId);
    if (last !== undefined && last.version >= appTransaction.version) {
      return { kind: 'duplicate', version: snapshot.version };
    }
  }
  return new Committer(request, snapshot, head).run();
}

class Committer {
  readonly #request: CommitRequest;
  readonly #read: DeltaSnapshot | undefined;
  readonly #head: TableHead;
  readonly #isolation: Isolation;
  readonly #txnId: string;
  /** The version that the next try follows. */
  #base: { readonly version: number; readonly timestampMs: number };
  /** A put of this version may still take effect. */
  #undecided: number | undefined;

  constructor(request: CommitRequest, read: DeltaSnapshot | undefined, head: TableHead) {
    this.#request = request;
    this.#read = read;
    this.#head = head;
    this.#isolation = request.isolation ?? defaultIsolation(request.actions, head);
    this.#txnId = randomUuid(request.random);
    this.#base = { version: read?.version ?? -1, timestampMs: read?.timestampMs ?? 0 };
  }

  async run(): Promise<CommitResult> {
    const { maxAttempts = defaultAttempts, signal } = this.#request;
    signal?.throwIfAborted();
    const stale = await this.#checkLog();
    if (stale !== undefined) return stale;
    for (let attempt = 1; ; attempt += 1) {
      const version = this.#base.version + 1;
      const result = await this.#try(version);
      if (result !== undefined) return result;
      try {
        signal?.throwIfAborted();
        if (attempt >= maxAttempts) {
          if (this.#undecided === undefined) {
            const reason = { kind: 'attemptsExhausted', attempts: attempt } as const;
            return { kind: 'conflict', with: this.#base.version + 1, reason };
          }
          throw this.#unknown(undefined);
        }
        await this.#pause(attempt);
      } catch (error) {
        throw this.#undecided === undefined ? error : this.#unknown(error);
      }
      const settled = await this.#catchUp();
      if (settled !== undefined) return settled;
    }
  }

  /**
   * A new table must find no log; a transaction that took longer than the log keeps its entries could otherwise
   * create an entry again that was cleaned up.
   */
  async #checkLog(): Promise<CommitResult | undefined> {
    const { store, clock, readAtMs, signal } = this.#request;
    if (this.#read !== undefined && readAtMs !== undefined) {
      const { logRetentionMs } = deltaProperties(this.#read.metadata.configuration);
      const midnight = Math.floor((clock.now() - logRetentionMs) / 86_400_000) * 86_400_000;
      if (readAtMs > midnight) return undefined;
    }
    const after = this.#read === undefined ? {} : { startAfter: commitKey(this.#read.version) };
    const options = { shallow: true, ...after, ...(signal === undefined ? {} : { signal }) };
    const builder = new LogListingBuilder();
    for await (const object of store.list(logFolder, options)) builder.add(object);
    const { latest, commits } = builder.build();
    if (latest === undefined) return undefined;
    if (this.#read === undefined) return { kind: 'conflict', with: latest, reason: { kind: 'tableExists' } };
    const { version } = this.#read;
    if (latest <= version || commits.has(version + 1)) return undefined;
    return { kind: 'conflict', with: latest, reason: { kind: 'snapshotExpired' } };
  }

  /** One put. Undefined: the race is lost, or the put had no effect. Once begun it is not interrupted. */
  async #try(version: number): Promise<CommitResult | undefined> {
    const { store } = this.#request;
    const { body, timestampMs } = this.#encode(version);
    try {
      const outcome = await store.putIfAbsent(commitKey(version), body);
      if (outcome === 'exists') return undefined;
    } catch (error) {
      this.#undecided = version;
      return this.#settle(version, error);
    }
    return { kind: 'committed', version, timestampMs };
  }

  /** Finds out what became of a put that failed, by what lies there now. */
  async #settle(version: number, failure: unknown): Promise<CommitResult | undefined> {
    const { log, clock, random } = this.#request;
    for (let attempt = 1; attempt <= settleAttempts; attempt += 1) {
      let found: LogCommit | undefined;
      try {
        found = await log.commit(version, undefined);
      } catch {
        await sleep(clock, backoffMs(attempt, random));
        continue;
      }
      if (found === undefined) {
        if (failure instanceof SkeinError && failure.retry === 'never') throw failure;
        return undefined;
      }
      this.#undecided = undefined;
      return this.#isOurs(found) ? { kind: 'committed', version, timestampMs: found.timestampMs } : undefined;
    }
    throw this.#unknown(failure);
  }

  /** Follows the winners as far as the log goes. Undefined: the next version may be tried. */
  async #catchUp(): Promise<CommitResult | undefined> {
    const { log, signal } = this.#request;
    for (;;) {
      const version = this.#base.version + 1;
      let winner: LogCommit | undefined;
      try {
        winner = await log.commit(version, signal);
      } catch (error) {
        throw this.#undecided === undefined ? error : this.#unknown(error);
      }
      if (winner === undefined) return undefined;
      if (this.#undecided === version) this.#undecided = undefined;
      if (this.#isOurs(winner)) {
        return { kind: 'committed', version, timestampMs: winner.timestampMs };
      }
      const outcome = this.#judge(winner);
      if (outcome !== undefined) return outcome;
      this.#base = {
        version,
        timestampMs: Math.max(winner.timestampMs, this.#base.timestampMs),
      };
    }
  }

  #judge(winner: LogCommit): CommitResult | undefined {
    const { appTransaction } = this.#request;
    const { version, actions } = winner;
    if (this.#read === undefined) {
      return { kind: 'conflict', with: version, reason: { kind: 'tableExists' } };
    }
    const committed = actions.some(
      (action) =>
        'txn' in action &&
        action.txn.appId === appTransaction?.appId &&
        action.txn.version >= appTransaction.version,
    );
    if (committed) return { kind: 'duplicate', version };
    const reason = findConflict(this.#losing(this.#read), actions);
    return reason && { kind: 'conflict', with: version, reason };
  }

  #losing({ protocol, metadata, files }: DeltaSnapshot): LosingTransaction {
    const { actions, reads, appTransaction } = this.#request;
    const appId = appTransaction?.appId;
    return { actions, reads, isolation: this.#isolation, protocol, metadata, files, appId };
  }

  #isOurs({ actions }: LogCommit): boolean {
    return actions.some((action) => 'commitInfo' in action && action.commitInfo.txnId === this.#txnId);
  }

  /** The entry for a version: commitInfo first, then what readers look for first, then files. */
  #encode(version: number): { readonly body: Uint8Array; readonly timestampMs: number } {
    const { clock, actions, appTransaction } = this.#request;
    const timestampMs = Math.max(Math.floor(clock.now()), Math.floor(this.#base.timestampMs) + 1);
    const info = this.#commitInfo(timestampMs);
    const txn: DeltaAction[] =
      appTransaction === undefined ? [] : [{ txn: { ...appTransaction, lastUpdated: timestampMs } }];
    const isFile = (action: DeltaAction): boolean => 'add' in action || 'remove' in action || 'cdc' in action;
    const ordered = [...actions.filter((action) => !isFile(action)), ...txn, ...actions.filter(isFile)].map(
      (action) => this.#stamp(action, version, timestampMs),
    );
    return { body: encodeCommit([{ commitInfo: info }, ...ordered]), timestampMs };
  }

  #commitInfo(timestampMs: number): CommitInfo {
    const { operation, operationParameters, operationMetrics, commitInfo, engineInfo } = this.#request;
    return {
      ...(isActive(this.#head, 'enableInCommitTimestamps') ? { inCommitTimestamp: timestampMs } : {}),
      timestamp: timestampMs,
      operation,
      operationParameters: operationParameters ?? {},
      ...(this.#read === undefined ? {} : { readVersion: this.#read.version }),
      isolationLevel: this.#isolation,
      isBlindAppend: this.#isBlindAppend(),
      ...(operationMetrics === undefined ? {} : { operationMetrics }),
      engineInfo,
      ...commitInfo,
      txnId: this.#txnId,
    };
  }

  #isBlindAppend(): boolean {
    const { actions, reads } = this.#request;
    return reads.kind === 'nothing' && !actions.some((action) => 'remove' in action || 'metaData' in action);
  }

  /** A table that gets in-commit timestamps late must say since when it has them. */
  #stamp(action: DeltaAction, version: number, timestampMs: number): DeltaAction {
    if (!('metaData' in action) || this.#read === undefined) return action;
    const enables =
      isActive(this.#head, 'enableInCommitTimestamps') && !isActive(this.#read, 'enableInCommitTimestamps');
    if (!enables) return action;
    const configuration = {
      ...action.metaData.configuration,
      'delta.inCommitTimestampEnablementVersion': String(version),
      'delta.inCommitTimestampEnablementTimestamp': String(timestampMs),
    };
    return { metaData: { ...action.metaData, configuration } };
  }

  async #pause(attempt: number): Promise<void> {
    const { clock, random, signal } = this.#request;
    await sleep(clock, backoffMs(attempt, random), signal);
  }

  #unknown(cause: unknown): SkeinError {
    const version = this.#undecided ?? this.#base.version + 1;
    return new SkeinError(
      SqlState.completionUnknown,
      `it is not known whether version ${version} of ${this.#request.store.root} was committed`,
      { details: { txnId: this.#txnId, version: String(version) }, cause },
    );
  }
}

/** Grows to a second; the whole of it is random, so that losers do not meet again. */
function backoffMs(attempt: number, random: Random): number {
  return random.next() * Math.min(1000, 4 * 2 ** Math.min(attempt, 10));
}

function defaultIsolation(actions: readonly DeltaAction[], head: TableHead): Isolation {
  const changes = actions.map((action) => {
    if ('add' in action) return action.add.dataChange;
    if ('remove' in action) return action.remove.dataChange;
    return undefined;
  });
  const rearranges = changes.includes(false) && !changes.includes(true);
  const alters = actions.some((action) => 'metaData' in action);
  if (rearranges && !alters) return 'SnapshotIsolation';
  return deltaProperties(head.metadata.configuration).isolationLevel;
}
