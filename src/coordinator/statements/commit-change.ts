import { SkeinError, SqlState, sleep } from '../../common/index.ts';
import {
  type CommitRequest,
  type CommitResult,
  type ConflictReason,
  commitDelta,
  type DeltaAction,
  storeCommitLog,
  type TransactionReads,
  type WrittenFile,
} from '../../storage/index.ts';
import { type DeltaTarget, readTarget } from './delta-target.ts';
import type { ResultRows, StatementContext } from './statement-context.ts';
import { violationMark } from './table-rows.ts';

/** A change of a table, ready to be committed. */
export interface TableChange {
  readonly actions: readonly DeltaAction[];
  readonly reads: TransactionReads;
  readonly operation: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly metrics?: Readonly<Record<string, string>>;
  readonly appTransaction?: CommitRequest['appTransaction'];
  /** Files of the actions, which go when the change does not come about. */
  readonly written: readonly WrittenFile[];
  /** Rows that the statement's answer tells. */
  readonly rows: number;
  /** What RETURNING asks of the rows. */
  readonly returned?: ResultRows;
}

/** Whole runs of a statement that lost against others. */
const maxRuns = 20;
const firstPauseMs = 20;
const longestPauseMs = 1_000;

export const engineInfo = 'Skein';

/** What became of a change. */
export type TableCommit =
  /** There was nothing to change. */
  | { readonly kind: 'unchanged'; readonly rows: 0 }
  | {
      readonly kind: 'committed';
      readonly version: number;
      readonly rows: number;
      readonly returned: ResultRows | undefined;
    }
  /** Its application transaction was committed before, as `version` or earlier; nothing has been done. */
  | { readonly kind: 'duplicate'; readonly version: number; readonly rows: 0 };

/** As `commitChange`. @returns rows that the change concerned */
export async function changeTable(
  target: DeltaTarget,
  context: StatementContext,
  run: (target: DeltaTarget) => Promise<TableChange | undefined>,
): Promise<number> {
  return (await commitChange(target, context, run)).rows;
}

/**
 * Commits what `run` makes of the table as it is now. Where another writer got in between so that the rules forbid to
 * follow it, the whole statement runs again on the newer version: what it read before holds no more.
 * @param run undefined: there is nothing to change
 * @throws SkeinError 40001 where others were always faster; what `run` throws
 */
export async function commitChange(
  target: DeltaTarget,
  context: StatementContext,
  run: (target: DeltaTarget) => Promise<TableChange | undefined>,
): Promise<TableCommit> {
  let current = target;
  for (let attempt = 1; ; attempt += 1) {
    const change = await named(run(current));
    if (change === undefined) return { kind: 'unchanged', rows: 0 };
    const result = await commitOnce(current, change, context);
    if (result.kind === 'committed') {
      context.maintain(current.table.log, result.version, current.snapshot.metadata.configuration);
      context.affected(change.rows);
      const { rows, returned } = change;
      return { kind: 'committed', version: result.version, rows, returned };
    }
    await context.releaseWritten(current.table.location, change.written);
    if (result.kind === 'duplicate') return { kind: 'duplicate', version: result.version, rows: 0 };
    if (attempt >= maxRuns) throw lost(current, result);
    const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** attempt) * (0.5 + context.random.next() / 2);
    await sleep(context.clock, pauseMs, context.signal);
    current = await readTarget(current.table, context);
  }
}

async function commitOnce(
  { table, snapshot, readAtMs }: DeltaTarget,
  change: TableChange,
  context: StatementContext,
): Promise<CommitResult> {
  context.beforeEffects();
  const { clock, random, signal } = context;
  const { actions, reads, operation, parameters, metrics, appTransaction, written } = change;
  try {
    return await commitDelta({
      store: table.store,
      log: storeCommitLog(table.store),
      read: snapshot,
      readAtMs,
      actions,
      reads,
      operation,
      ...(parameters === undefined ? {} : { operationParameters: parameters }),
      ...(metrics === undefined ? {} : { operationMetrics: metrics }),
      ...(appTransaction === undefined ? {} : { appTransaction }),
      engineInfo,
      clock,
      random,
      signal,
    });
  } catch (error) {
    // Where nobody knows whether the commit is there, its files must stay.
    const undecided = error instanceof SkeinError && error.sqlState === SqlState.completionUnknown;
    if (!undecided) await context.releaseWritten(table.location, written);
    throw error;
  }
}

function lost({ table }: DeltaTarget, result: Extract<CommitResult, { kind: 'conflict' }>): SkeinError {
  return new SkeinError(
    SqlState.serializationFailure,
    `other writers kept changing ${table.key} meanwhile: ${conflictText(result.reason)}`,
    { hint: 'Run the statement again when they are done.' },
  );
}

function conflictText(reason: ConflictReason): string {
  switch (reason.kind) {
    case 'tableExists':
      return 'somebody else created it';
    case 'protocolChanged':
      return 'its protocol was changed';
    case 'metadataChanged':
      return 'its columns or properties were changed';
    case 'concurrentAppend':
      return `rows were added that the statement would have read (${reason.path})`;
    case 'concurrentDeleteRead':
      return `rows that the statement read were deleted (${reason.path})`;
    case 'concurrentDeleteDelete':
      return `rows of the same file were changed (${reason.path})`;
    case 'appTransaction':
      return `the application ${reason.appId} wrote to it`;
    case 'domainMetadata':
      return `its metadata of ${reason.domain} were changed`;
    case 'snapshotExpired':
      return 'the version that the statement read is not in the log any more';
    case 'attemptsExhausted':
      return `others were faster ${reason.attempts} times`;
  }
}

/** The error of a row that breaks a rule of the table, under its own SQLSTATE. */
async function named<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof SkeinError)) throw error;
    const at = error.message.indexOf(violationMark);
    if (at < 0) throw error;
    const rule = error.message.slice(at + violationMark.length).trim();
    const isNull = rule.startsWith('NOT NULL');
    throw new SkeinError(
      isNull ? SqlState.notNullViolation : SqlState.checkViolation,
      `a row violates ${rule}`,
      { cause: error },
    );
  }
}
