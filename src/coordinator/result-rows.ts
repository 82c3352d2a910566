import { SkeinError, SqlState } from '../common/index.ts';
import { formatType, type RecordBatch, type Schema, type SqlValue, sameType } from '../types/index.ts';
import type { QueryRun } from './execution/query-run.ts';
import type { FragmentRunner } from './ports.ts';

/**
 * The rows of a run's root, as fast as they are taken. The root runs again as long as no row has left; then the
 * query's error is thrown.
 */
export async function* rootRows(
  run: QueryRun,
  runtime: FragmentRunner,
  onRows: (count: number) => void,
): AsyncGenerator<RecordBatch, void> {
  for (;;) {
    const root = await run.nextRoot();
    const { columns } = run.plan;
    try {
      const stream = await runtime.stream(root.request, root.signal);
      checkTypes(stream.schema, columns);
      for await (const batch of stream.batches) {
        if (batch.rowCount === 0) continue;
        root.signal.throwIfAborted();
        run.markRowsSent();
        onRows(batch.rowCount);
        yield { ...batch, schema: columns };
      }
      run.rootSucceeded(root, stream.stats());
      return;
    } catch (error) {
      run.rootFailed(root, error);
    }
  }
}

/**
 * All rows of a run's root. Nothing leaves before the root has ended well, so that it may run again until then.
 * @param tooMany the error for more than `maxRows` rows
 */
export async function allRootRows(
  run: QueryRun,
  runtime: FragmentRunner,
  maxRows: number,
  tooMany: () => SkeinError,
): Promise<readonly (readonly SqlValue[])[]> {
  for (;;) {
    const root = await run.nextRoot();
    try {
      const stream = await runtime.stream(root.request, root.signal);
      checkTypes(stream.schema, run.plan.columns);
      const rows: (readonly SqlValue[])[] = [];
      for await (const batch of stream.batches) {
        root.signal.throwIfAborted();
        for (let row = 0; row < batch.rowCount; row += 1) {
          rows.push(batch.columns.map((values) => values[row] ?? null));
        }
        if (rows.length > maxRows) throw tooMany();
      }
      run.rootSucceeded(root, stream.stats());
      return rows;
    } catch (error) {
      run.rootFailed(root, error);
    }
  }
}

/** What was announced at planning must be what comes: a client has read the types by now. */
function checkTypes(actual: Schema, announced: Schema): void {
  const wrong = announced.findIndex((column, index) => {
    const came = actual[index];
    return came === undefined || !sameType(came.type, column.type);
  });
  if (wrong < 0 && actual.length === announced.length) return;
  const expected = announced[wrong];
  const came = actual[wrong];
  const types =
    expected && came
      ? `; ${expected.name} is ${formatType(came.type)}, not ${formatType(expected.type)}`
      : '';
  throw new SkeinError(
    SqlState.internalError,
    `the result's columns are not as planned: ${announced.length} planned, ${actual.length} came${types}`,
    { details: { fault: 'plan' } },
  );
}
