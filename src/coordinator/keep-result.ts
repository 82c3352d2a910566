import { SkeinError, SqlState } from '../common/index.ts';
import type { RecordBatch } from '../types/index.ts';
import type { QueryRun } from './execution/query-run.ts';
import type { KeptResults } from './kept-results.ts';
import type { FragmentRunner } from './ports.ts';
import type { QueryRecord } from './query-record.ts';
import type { QueryHandle } from './query-service.ts';

/** Runs a query to its end and keeps its rows in the spool; runs its root again where the run wants that. */
export async function spoolResult(
  record: QueryRecord,
  run: QueryRun,
  runtime: FragmentRunner,
  kept: KeptResults,
  onEnd: () => void,
): Promise<void> {
  for (;;) {
    const root = await run.nextRoot();
    try {
      const response = await runtime.runToSpool(root.request, root.signal);
      const { columns } = run.plan;
      kept.keep(record.id, columns, { kind: 'spooled', response, request: root.request });
      record.rows = Number(response.stats?.outputRows ?? 0);
      run.rootSucceeded(root, response.stats);
      onEnd();
      return;
    } catch (error) {
      await kept.drop(record.id);
      run.rootFailed(root, error);
    }
  }
}

/** Keeps rows in memory: those that cannot be spooled. @throws SkeinError 54000 for more than `maxRows` */
export async function collectResult(
  record: QueryRecord,
  { columns, batches }: QueryHandle,
  kept: KeptResults,
  maxRows: number,
): Promise<void> {
  const all: RecordBatch[] = [];
  let rows = 0;
  for await (const batch of batches) {
    all.push(batch);
    rows += batch.rowCount;
    if (rows > maxRows) {
      throw new SkeinError(
        SqlState.limitExceeded,
        `a result of this kind can be kept up to ${maxRows} rows`,
        {
          hint: 'run the query without keeping its result, and read it as it comes',
        },
      );
    }
  }
  kept.keep(record.id, columns, { kind: 'memory', batches: all });
}
