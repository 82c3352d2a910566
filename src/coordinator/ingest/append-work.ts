import { join } from 'node:path';
import { SkeinError, SqlState, toSkeinError } from '../../common/index.ts';
import type { DuckDb } from '../../duckdb/index.ts';
import type { ObjectName } from '../../sql/index.ts';
import { commitChange } from '../statements/commit-change.ts';
import { type DeltaTarget, openTarget, readTarget } from '../statements/delta-target.ts';
import { fileRows } from '../statements/file-rows.ts';
import { insertRows } from '../statements/insert.ts';
import { countResult } from '../statements/results.ts';
import type { StatementContext, StatementWork } from '../statements/statement-context.ts';
import { appTransaction, earlierCommit } from './app-transaction.ts';
import { type AppendedRows, writeAppended } from './appended-rows.ts';
import { checkArrowTypes } from './arrow-types.ts';
import type { AppendResult } from './ingest-service.ts';

/** What became of one request. */
export type AppendOutcome =
  | { readonly kind: 'appended'; readonly result: AppendResult }
  | { readonly kind: 'refused'; readonly error: SkeinError };

/**
 * Appends the rows of several requests, in one commit where all of them fit the table, else each request in one of its
 * own: those that do not fit are refused alone.
 * @param requests of one shape
 * @param duckDb writes in the folders of statements
 * @param settle is told of each request by its position, as soon as its rows are durable or refused
 */
export function appendWork(
  table: ObjectName,
  requests: readonly AppendedRows[],
  duckDb: DuckDb,
  settle: (index: number, outcome: AppendOutcome) => void,
): StatementWork {
  return async (context) => {
    const target = await openTarget(table, context);
    const folder = await context.scratchFolder();
    let rows = 0;
    const [first, ...others] = requests;
    if (first !== undefined && others.length > 0 && isGroupable(target, first)) {
      const together = await attempt(
        target,
        [first, ...others],
        { path: join(folder, 'all'), duckDb },
        context,
      );
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
      const outcome = await attempt(
        current,
        [request],
        { path: join(folder, String(index)), duckDb },
        context,
      );
      settle(index, outcome);
      if (outcome.kind === 'appended') rows += outcome.result.rows ?? 0;
    }
    context.affected(rows);
    return countResult(rows);
  };
}

/** Where a missing field means more than NULL, it matters which lines come together. */
function isGroupable({ rules }: DeltaTarget, { content }: AppendedRows): boolean {
  if (content.kind === 'arrow') return true;
  return rules.defaults.length === 0 && rules.identities.length === 0 && rules.generated.length === 0;
}

/** Whether the rows are at fault, and not the table, the machine or the time. */
function isOfRows({ sqlState }: SkeinError): boolean {
  return !['40', '53', '57', '58'].includes(sqlState.slice(0, 2));
}

/** Where the rows of an attempt are written, without an extension, and by whom. */
interface Scratch {
  readonly path: string;
  readonly duckDb: DuckDb;
}

async function attempt(
  target: DeltaTarget,
  requests: readonly [AppendedRows, ...AppendedRows[]],
  scratch: Scratch,
  context: StatementContext,
): Promise<AppendOutcome> {
  try {
    return { kind: 'appended', result: await append(target, requests, scratch, context) };
  } catch (error) {
    context.signal.throwIfAborted();
    return { kind: 'refused', error: withoutPath(toSkeinError(error), scratch.path) };
  }
}

async function append(
  target: DeltaTarget,
  requests: readonly [AppendedRows, ...AppendedRows[]],
  { path, duckDb }: Scratch,
  context: StatementContext,
): Promise<AppendResult> {
  const [{ content, idempotencyKey }] = requests;
  const key = requests.length === 1 ? idempotencyKey : undefined;
  if (key !== undefined) {
    const { appId } = appTransaction(target, key);
    const before = await earlierCommit(target, appId, context.signal);
    if (before !== undefined) return { ...before, duplicate: true };
  }
  const files = await writeAppended(requests, path, duckDb, context.signal);
  const expected = requests.reduce((sum, { rows }) => sum + rows, 0);
  const commit = await commitChange(target, context, async (current) => {
    if (content.kind === 'arrow') checkArrowTypes(content.rows.schema, current);
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

/** Nobody knows the file that the rows were written to. */
function withoutPath(error: SkeinError, path: string): SkeinError {
  const file = [`${path}.jsonl`, `${path}.parquet`].find((each) => error.message.includes(each));
  if (file === undefined) return error;
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
