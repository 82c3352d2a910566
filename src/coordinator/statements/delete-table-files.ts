import type { OpenedTable } from '../../catalog/index.ts';
import type { ObjectStore } from '../../storage/index.ts';
import type { StatementContext } from './statement-context.ts';

const keysAtOnce = 1000;

/**
 * Deletes what lies below a managed table that has no name any more; files of others stay. The log goes last, so that a
 * table whose deletion broke off is still one. Best effort: VACUUM without a table finds what is left over.
 */
export async function deleteTableFiles(
  { kind, location }: OpenedTable,
  context: Pick<StatementContext, 'store' | 'signal'>,
): Promise<void> {
  if (kind !== 'managed') return;
  try {
    await deleteFolder(context.store(location), context.signal);
  } catch {
    // The table is gone whatever became of its files.
  }
}

/** Deletes what lies below a table's root, the log last. */
export async function deleteFolder(files: ObjectStore, signal: AbortSignal): Promise<void> {
  const log: string[] = [];
  let keys: string[] = [];
  for await (const { key } of files.list('', { signal })) {
    (key.startsWith('_delta_log/') ? log : keys).push(key);
    if (keys.length < keysAtOnce) continue;
    await files.delete(keys, signal);
    keys = [];
  }
  await files.delete(keys, signal);
  await files.delete(log, signal);
}
