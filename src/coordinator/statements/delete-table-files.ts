import type { OpenedTable } from '../../catalog/index.ts';
import type { StatementContext } from './statement-context.ts';

const keysAtOnce = 1000;

/**
 * Deletes what lies below a managed table that has no name any more; files of others stay. The log goes last, so that a
 * table whose deletion broke off is still one. Best effort: whatever is left over is in nobody's way.
 */
export async function deleteTableFiles(
  { kind, location }: OpenedTable,
  context: Pick<StatementContext, 'store' | 'signal'>,
): Promise<void> {
  if (kind !== 'managed') return;
  try {
    const { signal } = context;
    const files = context.store(location);
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
  } catch {
    // The table is gone whatever became of its files.
  }
}
