import type { VacuumStatement } from '../../sql/index.ts';
import { type ObjectInfo, planVacuum } from '../../storage/index.ts';
import { scalar } from '../../types/index.ts';
import { openTarget } from './delta-target.ts';
import type { StatementContext, StatementResult } from './statement-context.ts';

const hourMs = 3_600_000;
const keysAtOnce = 1000;

/** VACUUM: deletes files that no version within the retention needs. Answers the paths, with DRY RUN without deleting. */
export async function vacuum(
  { table, retainHours, dryRun }: VacuumStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const target = await openTarget(table, context);
  const { store, log, location } = target.table;
  const { signal, clock } = context;
  const objects: ObjectInfo[] = [];
  for await (const object of store.list('', { signal })) objects.push(object);
  const plan = planVacuum({
    snapshot: target.snapshot,
    tombstones: await log.tombstones(target.snapshot.version, signal),
    objects,
    nowMs: clock.now(),
    ...(retainHours === undefined ? {} : { retentionMs: retainHours.hours * hourMs }),
  });
  if (!dryRun) {
    for (let at = 0; at < plan.keys.length; at += keysAtOnce) {
      await store.delete(plan.keys.slice(at, at + keysAtOnce), signal);
    }
    await store.removeLeftovers(plan.cutoffMs, signal);
  }
  context.affected(plan.keys.length);
  return {
    columns: [{ name: 'path', type: scalar('VARCHAR') }],
    rows: plan.keys.map((key) => [`${location}/${key}`]),
  };
}
