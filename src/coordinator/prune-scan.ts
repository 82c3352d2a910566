import { type PlanNode, type ScanNode, walk } from '../plan/index.ts';
import type { PrunedScan } from '../planner/index.ts';
import {
  countSplits,
  type PrunedFiles,
  pruneFiles,
  type TableFile,
  type TableSnapshot,
} from '../storage/index.ts';

/** A table as one scan reads it. */
export interface ScannedTable extends PrunedScan {
  /** With the files that are read only. */
  readonly table: TableSnapshot;
}

const known = new WeakMap<TableSnapshot, Map<string, ScannedTable>>();

/** The table without the files that the scan's `prune` rules out. Remembered, as everybody who plans asks again. */
export function pruneScan(table: TableSnapshot, { prune, columns }: ScanNode): ScannedTable {
  if (table.format.kind !== 'delta' || prune.length === 0) return whole(table);
  const scans = known.get(table) ?? new Map<string, ScannedTable>();
  known.set(table, scans);
  const key = JSON.stringify([prune, columns]);
  let scanned = scans.get(key);
  if (scanned === undefined) {
    const pruned = pruneFiles(table, prune, columns);
    scanned = { ...whole(withFiles(table, pruned.files)), note: noteOf(table, pruned) };
    scans.set(key, scanned);
  }
  return scanned;
}

function whole(table: TableSnapshot): ScannedTable {
  const { rowCount, bytes } = table;
  return { table, rowCount, bytes, splitCount: countSplits(table), note: undefined };
}

/**
 * The tables of a query that runs as its own text: each without the files that none of its scans has to read.
 * @param plan after the planner's rules
 */
export function pruneTables(
  plan: PlanNode,
  tables: ReadonlyMap<string, TableSnapshot>,
): ReadonlyMap<string, TableSnapshot> {
  const wanted = new Map<string, Set<TableFile>>();
  for (const node of walk(plan)) {
    const table = node.kind === 'scan' ? tables.get(node.table) : undefined;
    if (node.kind !== 'scan' || table?.format.kind !== 'delta') continue;
    const files = wanted.get(node.table) ?? new Set();
    for (const file of pruneScan(table, node).table.files) files.add(file);
    wanted.set(node.table, files);
  }
  const pruned = new Map(tables);
  for (const [name, files] of wanted) {
    const table = tables.get(name);
    if (table === undefined || files.size === table.files.length) continue;
    pruned.set(
      name,
      withFiles(
        table,
        table.files.filter((file) => files.has(file)),
      ),
    );
  }
  return pruned;
}

function withFiles(table: TableSnapshot, files: readonly TableFile[]): TableSnapshot {
  if (files.length === table.files.length) return table;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const rows = files.map(({ delta }) =>
    delta?.rowCount === undefined ? undefined : delta.rowCount - (delta.deletionVector?.cardinality ?? 0),
  );
  const rowCount = rows.every((count) => count !== undefined)
    ? rows.reduce((sum, count) => sum + count, 0)
    : Math.round((table.rowCount * bytes) / Math.max(1, table.bytes));
  const { name, schema, format, delta, sharding } = table;
  return {
    name,
    schema,
    format,
    files,
    rowCount,
    bytes,
    // They may be worked out when they are asked for, from all files.
    get statistics() {
      return table.statistics;
    },
    ...(delta === undefined ? {} : { delta }),
    sharding,
  };
}

function noteOf({ files }: TableSnapshot, { files: kept, prunedBy }: PrunedFiles): string {
  const reasons = Object.entries(prunedBy).flatMap(([reason, count]) =>
    count === 0 ? [] : [`${reason} ${count}`],
  );
  const why = reasons.length === 0 ? '' : ` (${reasons.join(', ')})`;
  return `files ${kept.length} of ${files.length}${why}`;
}
