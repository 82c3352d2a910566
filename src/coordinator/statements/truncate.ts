import type { TruncateStatement } from '../../sql/index.ts';
import { changeTable } from './commit-change.ts';
import { deleteAll } from './delete.ts';
import { openTarget } from './delta-target.ts';
import { countResult } from './results.ts';
import type { StatementContext, StatementResult } from './statement-context.ts';

/** TRUNCATE: every row goes, and stays in the table's history. */
export async function truncate(
  { table }: TruncateStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const target = await openTarget(table, context);
  return countResult(await changeTable(target, context, (current) => deleteAll(current, context)));
}
