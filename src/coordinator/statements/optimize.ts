import type { OptimizeStatement } from '../../sql/index.ts';
import { type AddAction, rearrange, toAddAction, type WrittenFile } from '../../storage/index.ts';
import { quoteIdentifier, scalar } from '../../types/index.ts';
import { changeTable, type TableChange } from './commit-change.ts';
import { columnPosition, type DeltaTarget, openTarget } from './delta-target.ts';
import { defaultFileBytes, deltaWrite, shardSql } from './delta-write.ts';
import type { StatementContext, StatementResult } from './statement-context.ts';
import { fileColumn, targetRelation } from './target-relation.ts';
import { zOrderSql } from './z-order.ts';

/** A file of at least this part of the target size is large enough to be left alone. */
const fullPart = 0.75;

/** OPTIMIZE: small files become large ones, and with ZORDER BY rows that are near each other lie in the same files. */
export async function optimize(
  statement: OptimizeStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const target = await openTarget(statement.table, context);
  let removed = 0;
  let added = 0;
  await changeTable(target, context, async (current) => {
    const change = await optimized(current, statement, context);
    removed = change?.removed ?? 0;
    added = change?.written.length ?? 0;
    return change;
  });
  return {
    columns: [
      { name: 'files_removed', type: scalar('BIGINT') },
      { name: 'files_added', type: scalar('BIGINT') },
    ],
    rows: [[BigInt(removed), BigInt(added)]],
  };
}

async function optimized(
  target: DeltaTarget,
  { where, zOrderBy }: OptimizeStatement,
  context: StatementContext,
): Promise<(TableChange & { readonly removed: number }) | undefined> {
  const { snapshot, properties } = target;
  const wanted = where === undefined ? snapshot.files : await filesWhere(target, where.sql, context);
  const targetBytes = properties.targetFileBytes ?? defaultFileBytes;
  const chosen = zOrderBy.length > 0 ? wanted : smallFiles(wanted, targetBytes);
  if (chosen.length === 0) return undefined;
  const part = targetRelation(target, undefined, new Set(chosen));
  const shard = shardSql(snapshot);
  const columns = snapshot.schema.map(({ name }) => quoteIdentifier(name));
  const items = [...columns, ...(shard === undefined ? [] : [`CAST(${shard} AS INTEGER) AS _skein_shard`])];
  const orderBy = zOrderBy.map((column) => {
    const position = columnPosition(snapshot.schema, column, target.table.key);
    return snapshot.schema[position] ?? { name: column.name, type: scalar('VARCHAR') };
  });
  const order = orderBy.length === 0 ? '' : ` ORDER BY ${zOrderSql(orderBy)}`;
  const outcome = await context.runWrite({
    query: {
      sql: `SELECT ${items.join(', ')} FROM ${part.from}${order}`,
      offset: undefined,
      tables: part.tables,
    },
    write: () => deltaWrite(snapshot),
    ...(zOrderBy.length > 0 ? { layout: { kind: 'anywhere' } } : {}),
  });
  const nowMs = context.clock.now();
  const written: readonly WrittenFile[] = outcome.files;
  const adds = written.map((file) => toAddAction(file, { nowMs, dataChange: false }));
  return {
    actions: rearrange(chosen, adds, nowMs),
    reads: { kind: 'nothing' },
    operation: 'OPTIMIZE',
    parameters: {
      predicate: JSON.stringify(where === undefined ? [] : [where.sql]),
      zOrderBy: JSON.stringify(zOrderBy.map(({ name }) => name)),
    },
    metrics: { numRemovedFiles: String(chosen.length), numAddedFiles: String(adds.length) },
    written,
    rows: 0,
    removed: chosen.length,
  };
}

/** Files with rows that satisfy the condition: they are rewritten whole. */
async function filesWhere(
  target: DeltaTarget,
  where: string,
  context: StatementContext,
): Promise<readonly AddAction[]> {
  const { from, tables } = targetRelation(target, undefined);
  const { rows } = await context.runRows(
    { sql: `SELECT DISTINCT ${fileColumn} FROM ${from} WHERE (${where})`, offset: undefined, tables },
    target.snapshot.files.length,
  );
  const paths = new Set(rows.map(([path]) => String(path)));
  return target.snapshot.files.filter(({ path }) => paths.has(path));
}

/**
 * What is worth rewriting: files that are small or have deleted rows, where there is another one that they can be
 * joined with in the same partition and shard.
 */
function smallFiles(files: readonly AddAction[], targetBytes: number): readonly AddAction[] {
  const groups = new Map<string, AddAction[]>();
  for (const file of files) {
    if (file.size >= targetBytes * fullPart && file.deletionVector === undefined) continue;
    const key = JSON.stringify([file.partitionValues, file.tags?.['skein.shard']]);
    groups.set(key, [...(groups.get(key) ?? []), file]);
  }
  return [...groups.values()].flatMap((group) =>
    group.length > 1 || group.some(({ deletionVector }) => deletionVector !== undefined) ? group : [],
  );
}
