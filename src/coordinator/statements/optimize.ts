import type { OptimizeStatement } from '../../sql/index.ts';
import { type AddAction, rearrange, toAddAction, type WrittenFile } from '../../storage/index.ts';
import { quoteIdentifier, scalar } from '../../types/index.ts';
import { changeTable, type TableChange } from './commit-change.ts';
import { columnPosition, type DeltaTarget, openTarget } from './delta-target.ts';
import { defaultFileBytes, deltaWrite, shardSql } from './delta-write.ts';
import { optimizeMetrics } from './operation-metrics.ts';
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
  const shard = shardSql(snapshot);
  const chosen = zOrderBy.length > 0 ? wanted : worthRewriting(wanted, targetBytes, shard !== undefined);
  if (chosen.length === 0) return undefined;
  const part = targetRelation(target, undefined, new Set(chosen));
  const columns = snapshot.schema.map(({ name }) => quoteIdentifier(name));
  const bins = zOrderBy.length > 0 ? 1 : binsOf(chosen, targetBytes);
  const items = [
    ...columns,
    ...(shard === undefined ? [] : [`CAST(${shard} AS INTEGER) AS _skein_shard`]),
    `CAST(hash(${fileColumn}) % ${bins} AS INTEGER) AS _skein_bin`,
  ];
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
    layout:
      zOrderBy.length > 0
        ? { kind: 'anywhere' }
        : { kind: 'together', columns: binColumns(snapshot, items.length - 1) },
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
    metrics: optimizeMetrics(chosen, written),
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

/** Rows of one partition, shard and bin are written by one task, so that its files grow as large as they may. */
function binColumns({ schema, metadata, ...table }: DeltaTarget['snapshot'], bin: number): readonly number[] {
  const partitions = metadata.partitionColumns.map((name) =>
    schema.findIndex((column) => column.name === name),
  );
  const isSharded = shardSql({ schema, metadata, ...table }) !== undefined;
  return [...partitions, ...(isSharded ? [schema.length] : []), bin];
}

/** How many tasks share the largest group of files. */
function binsOf(files: readonly AddAction[], targetBytes: number): number {
  const sizes = [...grouped(files).values()].map((group) => bytesOf(group));
  return Math.max(1, ...sizes.map((bytes) => Math.ceil(bytes / targetBytes)));
}

function bytesOf(files: readonly AddAction[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}

/** By partition and shard: rows of one group may lie in one file. */
function grouped(files: readonly AddAction[]): ReadonlyMap<string, readonly AddAction[]> {
  const groups = new Map<string, AddAction[]>();
  for (const file of files) {
    const key = JSON.stringify([file.partitionValues, shardOf(file)]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [file]);
    else group.push(file);
  }
  return groups;
}

function shardOf({ tags }: AddAction): string | undefined {
  return tags?.['skein.shard'];
}

/**
 * Files with deleted rows; those of a sharded table that say no shard, as others write them: until they are gone nobody can
 * go by the shards; and small ones of the same partition and shard that become fewer.
 */
function worthRewriting(
  files: readonly AddAction[],
  targetBytes: number,
  isSharded: boolean,
): readonly AddAction[] {
  const mustGo = (file: AddAction): boolean =>
    file.deletionVector !== undefined || (isSharded && shardOf(file) === undefined);
  const candidates = files.filter((file) => file.size < targetBytes * fullPart || mustGo(file));
  return [...grouped(candidates).values()].flatMap((group) =>
    group.length > Math.ceil(bytesOf(group) / targetBytes) || group.some(mustGo) ? group : [],
  );
}
