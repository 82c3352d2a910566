import type { AnalyzeStatement, Name } from '../../sql/index.ts';
import { quoteIdentifier, scalar } from '../../types/index.ts';
import { columnPosition, type DeltaTarget, openTarget } from './delta-target.ts';
import { noRows } from './results.ts';
import type { StatementContext, StatementResult } from './statement-context.ts';
import { targetRelation } from './target-relation.ts';

/** ANALYZE: counts the rows and different values of a table, or of every Delta table, for the planner. */
export async function analyze(
  { table, columns }: AnalyzeStatement,
  context: StatementContext,
): Promise<StatementResult> {
  if (table !== undefined) {
    const target = await openTarget(table, context);
    return await analyzeTable(target, columns, context);
  }
  const { tables } = await context.snapshot({ fresh: true });
  for (const [key, { format }] of tables) {
    if (format.kind !== 'delta') continue;
    const dot = key.indexOf('.');
    const name = { catalog: undefined, schema: key.slice(0, dot), name: key.slice(dot + 1), offset: 0 };
    await analyzeTable(await openTarget(name, context), [], context);
  }
  return noRows;
}

async function analyzeTable(
  target: DeltaTarget,
  columns: readonly Name[],
  context: StatementContext,
): Promise<StatementResult> {
  const { snapshot, table } = target;
  const { metadata, fields, schema, version } = snapshot;
  const chosen =
    columns.length === 0
      ? fields
      : columns.flatMap((column) => fields[columnPosition(schema, column, table.key)] ?? []);
  const items = chosen.map(({ name }) => `approx_count_distinct(${quoteIdentifier(name)})`);
  const { from, tables } = targetRelation(target, undefined);
  const sql = `SELECT ${['count(*)', ...items].join(', ')} FROM ${from}`;
  const [row = []] = (await context.runRows({ sql, offset: undefined, tables })).rows;
  const rowCount = Number(row[0] ?? 0);
  const counts = chosen.map(
    ({ physicalName }, index) => [physicalName, Math.min(rowCount, Number(row[index + 1] ?? 0))] as const,
  );
  // Columns that are not looked at now keep what was found before.
  const before = table.statistics.of(metadata.id)?.distinct ?? {};
  const distinct = { ...before, ...Object.fromEntries(counts) };
  await table.statistics.save({ tableId: metadata.id, version, rowCount, distinct }, context.signal);
  return {
    columns: [
      { name: 'column', type: scalar('VARCHAR') },
      { name: 'rows', type: scalar('BIGINT') },
      { name: 'distinct', type: scalar('BIGINT') },
    ],
    rows: chosen.map(({ name }, index) => [name, BigInt(rowCount), BigInt(counts[index]?.[1] ?? 0)]),
  };
}
