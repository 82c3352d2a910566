import type { SkeinError } from '../../common/index.ts';
import type { RecordBatch, Schema } from '../../types/index.ts';
import { explainColumns } from '../observe/explain-batch.ts';
import type { Explain, Submission } from '../submission.ts';
import type { StatementResult, StatementWork } from './statement-context.ts';
import { PlannedOnly, StatementRuns, type StatementRunsOptions } from './statement-runs.ts';

export interface StatementHost
  extends Pick<StatementRunsOptions, 'runner' | 'background' | 'openStore' | 'maxRows' | 'scratchDir'> {
  /** What EXPLAIN tells of the statement's last run, or of its plan. */
  readonly explain: (explain: Explain) => RecordBatch;
  /** Keeps the result for paging. */
  readonly keep: (batch: RecordBatch) => void;
  /** The statement has ended: with an error, or well. */
  readonly end: (error: SkeinError | undefined) => void;
}

export interface StartedStatement {
  readonly columns: Schema;
  /** To be iterated once; throws what the statement failed with. */
  readonly batches: AsyncIterable<RecordBatch>;
}

/**
 * Carries a statement out, whether or not somebody takes its answer.
 * @returns when its columns are known
 * @throws SkeinError that it failed with before that
 */
export async function startStatement(
  submission: Submission,
  work: StatementWork,
  host: StatementHost,
): Promise<StartedStatement> {
  const { record, request, settings, statement } = submission;
  record.isStatement = true;
  record.state = 'running';
  let announce = (_columns: Schema): void => {};
  const announced = new Promise<Schema>((resolve) => {
    if (statement.kind !== 'explain') announce = resolve;
    else if (statement.analyze) resolve(explainColumns(statement.format));
  });
  const context = new StatementRuns({
    ...host,
    record,
    request,
    settings,
    announce,
    planOnly: statement.kind === 'explain' && !statement.analyze,
  });
  const settled = carryOut(submission, context, work, host).then(
    (batch) => ({ batch, error: undefined }),
    (error: SkeinError) => ({ batch: undefined, error }),
  );
  record.cleanup.push(settled.then(() => undefined));
  const columns = await Promise.race([announced, settled.then(({ batch }) => batch?.schema)]);
  if (columns === undefined) throw (await settled).error ?? record.failure('a statement without an answer');
  return { columns, batches: rowsOf(settled) };
}

async function* rowsOf(
  settled: Promise<{ readonly batch: RecordBatch | undefined; readonly error: SkeinError | undefined }>,
): AsyncGenerator<RecordBatch, void> {
  const { batch, error } = await settled;
  if (error !== undefined) throw error;
  if (batch !== undefined && batch.rowCount > 0) yield batch;
}

/** The statement's answer, or what EXPLAIN tells of it. The query ends here: what has taken effect stays. */
async function carryOut(
  { record, request, statement }: Submission,
  context: StatementRuns,
  work: StatementWork,
  host: StatementHost,
): Promise<RecordBatch> {
  try {
    const result = await untilPlanned(() => work(context));
    const batch =
      statement.kind === 'explain' ? host.explain(statement) : toBatch(result ?? { columns: [], rows: [] });
    record.rows = context.affectedRows ?? batch.rowCount;
    if (request.keepResult === true) host.keep(batch);
    host.end(undefined);
    return batch;
  } catch (error) {
    const failure = record.failure(error);
    host.end(failure);
    throw failure;
  }
}

/** Undefined where the statement was to be planned only. */
async function untilPlanned(work: () => Promise<StatementResult>): Promise<StatementResult | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PlannedOnly) return undefined;
    throw error;
  }
}

function toBatch({ columns, rows }: StatementResult): RecordBatch {
  return {
    schema: columns,
    rowCount: rows.length,
    columns: columns.map((_, index) => rows.map((row) => row[index] ?? null)),
  };
}
