import type { RestoreStatement } from '../../sql/index.ts';
import { checkFilesExist, restore as restoreActions } from '../../storage/index.ts';
import { changeTable } from './commit-change.ts';
import { openTarget } from './delta-target.ts';
import { restoreMetrics } from './operation-metrics.ts';
import { noRows } from './results.ts';
import type { StatementContext, StatementResult } from './statement-context.ts';
import { versionOf } from './version-at.ts';

/** RESTORE: the rows and columns of an older version again, as a new version. */
export async function restore(
  { table, to }: RestoreStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const target = await openTarget(table, context);
  const at = await versionOf(to, context);
  await changeTable(target, context, async (current) => {
    const old = await current.table.log.snapshot({ ...at, signal: context.signal });
    const actions = restoreActions(current.snapshot, old, context.clock.now());
    if (actions.length === 0) return undefined;
    await checkFilesExist(current.table.store, actions, context.signal);
    return {
      actions,
      reads: { kind: 'wholeTable' },
      operation: 'RESTORE',
      parameters:
        'version' in at
          ? { version: String(at.version) }
          : { timestamp: new Date(at.timestampMs).toISOString() },
      metrics: restoreMetrics(old, actions),
      written: [],
      rows: 0,
    };
  });
  return noRows;
}
