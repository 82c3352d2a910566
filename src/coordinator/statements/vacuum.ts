import { SkeinError, SqlState } from '../../common/index.ts';
import type { VacuumStatement } from '../../sql/index.ts';
import { type ObjectInfo, planVacuum } from '../../storage/index.ts';
import { scalar } from '../../types/index.ts';
import { deleteFolder } from './delete-table-files.ts';
import { openTarget } from './delta-target.ts';
import type { StatementContext, StatementResult } from './statement-context.ts';

const hourMs = 3_600_000;
const keysAtOnce = 1000;
/** Of folders without a table: as long as Delta keeps files that nobody needs, and the least that is allowed. */
const folderHours = 7 * 24;
const leastFolderHours = 24;

/** VACUUM: deletes files that no version within the retention needs. Answers the paths, with DRY RUN without deleting. */
export async function vacuum(
  statement: VacuumStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const { table, retainHours, dryRun } = statement;
  if (table === undefined) return await vacuumWarehouse(statement, context);
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
  return pathRows(plan.keys.map((key) => `${location}/${key}`));
}

function pathRows(paths: readonly string[]): StatementResult {
  return { columns: [{ name: 'path', type: scalar('VARCHAR') }], rows: paths.map((path) => [path]) };
}

/**
 * VACUUM without a table: deletes folders of managed tables that no table has, where nothing in them is younger than the
 * retention. They are left by a CREATE TABLE or a DROP that was killed; one that is at work writes young files.
 */
async function vacuumWarehouse(
  { retainHours, dryRun }: VacuumStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const { catalog, clock, signal } = context;
  const hours = retainHours?.hours ?? folderHours;
  if (hours < leastFolderHours) {
    throw new SkeinError(
      SqlState.invalidParameterValue,
      `folders without a table are kept for at least ${leastFolderHours} hours`,
      {
        hint: 'A CREATE TABLE that is at work has not named its folder yet.',
        ...(retainHours === undefined ? {} : { position: retainHours.offset }),
      },
    );
  }
  const cutoffMs = clock.now() - hours * hourMs;
  const old: string[] = [];
  for (const folder of await catalog.names.namelessFolders(signal)) {
    let youngestMs: number | undefined;
    for await (const { modifiedMs } of context.store(folder).list('', { signal })) {
      youngestMs = Math.max(youngestMs ?? modifiedMs, modifiedMs);
    }
    if (youngestMs !== undefined && youngestMs < cutoffMs) old.push(folder);
  }
  if (!dryRun) {
    for (const folder of old) {
      const store = context.store(folder);
      await deleteFolder(store, signal);
      await store.removeLeftovers(cutoffMs, signal);
    }
  }
  context.affected(old.length);
  return pathRows(old);
}
