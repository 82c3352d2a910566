import { SkeinError, SqlState } from '../../common/index.ts';
import type { RunTaskRequest, RunTaskResponse, TaskStats } from '../../rpc/index.ts';

/** Compares the rows that an attempt read of other stages with the rows that they wrote for it. */
export function checkRowsRead(request: RunTaskRequest, stats: TaskStats): SkeinError | undefined {
  for (const input of request.inputs) {
    if (input.source.case !== 'exchange') continue;
    const written = input.source.value.partitions.reduce((sum, ref) => sum + ref.rows, 0n);
    const read = stats.rowsByInput[input.name];
    if (read !== undefined && read !== written) {
      return rowsMismatch(`${read} of ${written} rows of ${input.name} were read`);
    }
  }
  return undefined;
}

/** Compares the rows of an attempt's partitions with the rows that its fragment gave. */
export function checkRowsWritten(response: RunTaskResponse): SkeinError | undefined {
  if (response.stats === undefined) return rowsMismatch('a task did not say what it wrote');
  const written = response.partitions.reduce((sum, ref) => sum + ref.rows, 0n);
  const { outputRows } = response.stats;
  if (written === outputRows) return undefined;
  return rowsMismatch(`${outputRows} rows came out of a task, ${written} of them were written`);
}

function rowsMismatch(message: string): SkeinError {
  return new SkeinError(SqlState.internalError, `rows are missing in an exchange: ${message}`, {
    retry: 'task',
  });
}
