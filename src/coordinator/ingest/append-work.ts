import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SkeinError, SqlState, toSkeinError } from '../../common/index.ts';
import type { ObjectName } from '../../sql/index.ts';
import { commitChange } from '../statements/commit-change.ts';
import { type DeltaTarget, openTarget, readTarget } from '../statements/delta-target.ts';
import { fileRows, foundFile } from '../statements/file-rows.ts';
import { insertRows } from '../statements/insert.ts';
import { countResult } from '../statements/results.ts';
import type { StatementContext, StatementWork } from '../statements/statement-context.ts';
import { appTransaction, earlierCommit } from './app-transaction.ts';
import type { AppendResult } from './ingest-service.ts';

/** Rows that one request brought. */
export interface AppendedLines {
  readonly lines: Uint8Array;
  /** Lines that are not blank. */
  readonly rows: number;
  readonly idempotencyKey: string | undefined;
}

/** What became of one request. */
export type AppendOutcome =
  | { readonly kind: 'appended'; readonly result: AppendResult }
  | { readonly kind: 'refused'; readonly error: SkeinError };

/**
 * Appends the rows of several requests, in one commit where all of them fit the table, else each request in one of its
 * own: those that do not fit are refused alone.
 * @param settle is told of each request by its position, as soon as its rows are durable or refused
 */
export function appendWork(
  table: ObjectName,
  requests: readonly AppendedLines[],
  settle: (index: number, outcome: AppendOutcome) => void,
): StatementWork {
  return async (context) => {
    const target = await openTarget(table, context);
    const folder = await context.scratchFolder();
    let rows = 0;
    if (requests.length > 1 && isGroupable(target)) {
      const together = await attempt(target, requests, join(folder, 'all.jsonl'), context);
      if (together.kind === 'appended') {
        requests.forEach((request, index) => {
          settle(index, { kind: 'appended', result: { ...together.result, rows: request.rows } });
        });
        return countResult(together.result.rows ?? 0);
      }
      if (!isOfRows(together.error)) throw together.error;
    }
    for (const [index, request] of requests.entries()) {
      const current = index === 0 ? target : await readTarget(target.table, context);
      const outcome = await attempt(current, [request], join(folder, `${index}.jsonl`), context);
      settle(index, outcome);
      if (outcome.kind === 'appended') rows += outcome.result.rows ?? 0;
    }
    context.affected(rows);
    return countResult(rows);
  };
}

/** Where a missing field means more than NULL, it matters which rows come together. */
function isGroupable({ rules }: DeltaTarget): boolean {
  return rules.defaults.length === 0 && rules.identities.length === 0 && rules.generated.length === 0;
}

/** Whether the rows are at fault, and not the table, the machine or the time. */
function isOfRows({ sqlState }: SkeinError): boolean {
  return !['40', '53', '57', '58'].includes(sqlState.slice(0, 2));
}

async function attempt(
  target: DeltaTarget,
  requests: readonly AppendedLines[],
  file: string,
  context: StatementContext,
): Promise<AppendOutcome> {
  try {
    return { kind: 'appended', result: await append(target, requests, file, context) };
  } catch (error) {
    context.signal.throwIfAborted();
    return { kind: 'refused', error: withoutPath(toSkeinError(error), file) };
  }
}

async function append(
  target: DeltaTarget,
  requests: readonly AppendedLines[],
  file: string,
  context: StatementContext,
): Promise<AppendResult> {
  const [first] = requests;
  const key = requests.length === 1 ? first?.idempotencyKey : undefined;
  if (key !== undefined) {
    const { appId } = appTransaction(target, key);
    const before = await earlierCommit(target, appId, context.signal);
    if (before !== undefined) return { ...before, duplicate: true };
  }
  const newline = new Uint8Array([0x0a]);
  await writeFile(
    file,
    requests.flatMap(({ lines }) => [lines, newline]),
    { mode: 0o600 },
  );
  const files = {
    kind: 'json' as const,
    found: { files: [await foundFile(file)], partitionKeys: [] },
    here: true,
    options: { format: `'newline_delimited'` },
  };
  const expected = requests.reduce((sum, { rows }) => sum + rows, 0);
  const commit = await commitChange(target, context, async (current) => {
    const change = await insertRows(current, context, {
      ...(await fileRows(current, files, { match: 'name', columns: [] }, context)),
      overwrite: false,
      defaults: new Set(),
      ...(key === undefined ? {} : { appTransaction: appTransaction(current, key) }),
    });
    if (change.rows === expected) return change;
    await context.releaseWritten(current.table.location, change.written);
    const message = `${expected} lines give ${change.rows} rows: each line must be one JSON object`;
    throw new SkeinError(SqlState.invalidTextRepresentation, message);
  });
  if (commit.kind === 'committed') return { version: commit.version, rows: commit.rows, duplicate: false };
  const now = await readTarget(target.table, context);
  const before =
    key === undefined ? undefined : await earlierCommit(now, appTransaction(now, key).appId, context.signal);
  return { version: before?.version, rows: before?.rows, duplicate: true };
}

/** Nobody knows the file that the lines were written to. */
function withoutPath(error: SkeinError, file: string): SkeinError {
  if (!error.message.includes(file)) return error;
  const message = error.message
    .replaceAll(`the file cannot be read: `, '')
    .replaceAll(`file "${file}"`, 'the body')
    .replaceAll(file, 'the body')
    .replace(/\s*Try .*$/su, '');
  return new SkeinError(
    error.sqlState === SqlState.dataCorrupted ? SqlState.invalidTextRepresentation : error.sqlState,
    message,
    {
      retry: error.retry,
      cause: error,
    },
  );
}
