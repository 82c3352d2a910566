import type { DeleteStatement, Span } from '../../sql/index.ts';
import { type AddAction, changeRows, overwrite, toAddAction, type WrittenFile } from '../../storage/index.ts';
import { quoteIdentifier } from '../../types/index.ts';
import { changeTableRows } from './change-rows.ts';
import type { TableChange } from './commit-change.ts';
import { type DeltaTarget, openTarget } from './delta-target.ts';
import { deltaWrite, shardSql } from './delta-write.ts';
import { changeMetrics, type OperationMetrics } from './operation-metrics.ts';
import { changeAndAnswer, type Returning } from './returning.ts';
import type { StatementContext, StatementResult } from './statement-context.ts';
import { fileColumn, targetRelation } from './target-relation.ts';
import { liveRowsOf, touchedFiles } from './touched-files.ts';

/** DELETE FROM, with or without USING. */
export async function deleteFrom(
  statement: DeleteStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const target = await openTarget(statement.table, context);
  const returning =
    statement.returning === undefined
      ? undefined
      : {
          items: statement.returning,
          alias: statement.alias?.name ?? target.table.name,
          withAction: false,
        };
  return await changeAndAnswer(target, context, returning, (current) =>
    deletion(current, context, statement, returning),
  );
}

async function deletion(
  target: DeltaTarget,
  context: StatementContext,
  statement: DeleteStatement,
  returning: Returning | undefined,
): Promise<TableChange | undefined> {
  const { using, where, alias, with: ctes } = statement;
  const inOnePass = using === undefined && returning === undefined;
  if (inOnePass && where === undefined) return await deleteAll(target, context);
  const { enableDeletionVectors, enableChangeDataFeed } = target.properties;
  if (inOnePass && where !== undefined && !enableDeletionVectors && !enableChangeDataFeed) {
    return await deleteWhere(target, context, statement, where);
  }
  return await changeTableRows(target, context, {
    alias: alias?.name,
    ctes: ctes?.sql,
    source: using?.sql,
    on: where?.sql ?? 'true',
    clauses: [{ when: 'matched', condition: undefined, action: { kind: 'delete' } }],
    operation: 'DELETE',
    severalMatches: 'allowed',
    spans: [ctes, using, where].filter((span) => span !== undefined),
    returning,
  });
}

/** Without a condition no file is opened. */
export async function deleteAll(
  target: DeltaTarget,
  context: StatementContext,
): Promise<TableChange | undefined> {
  const { files } = target.snapshot;
  if (files.length === 0) return undefined;
  const known = files.map(liveRowsOf);
  const rows = known.every((count) => count !== undefined)
    ? known.reduce((sum, count) => sum + count, 0)
    : await countRows(target, context);
  return {
    actions: overwrite(target.snapshot, [], context.clock.now()),
    reads: { kind: 'wholeTable' },
    operation: 'DELETE',
    parameters: { predicate: '[]' },
    metrics: deletionMetrics(rows, files, []),
    written: [],
    rows,
  };
}

/** @param written with the rows that stay of the files that go */
function deletionMetrics(
  deleted: number,
  removed: readonly AddAction[],
  written: readonly WrittenFile[],
): OperationMetrics {
  return changeMetrics('DELETE', {
    updated: 0,
    deleted,
    inserted: 0,
    written,
    removed,
    deletions: [],
    changeFiles: 0,
  });
}

async function countRows(target: DeltaTarget, context: StatementContext): Promise<number> {
  const { from, tables } = targetRelation(target, undefined);
  const { rows } = await context.runRows({ sql: `SELECT count(*) FROM ${from}`, offset: undefined, tables });
  return Number(rows[0]?.[0] ?? 0);
}

async function deleteWhere(
  target: DeltaTarget,
  context: StatementContext,
  { alias, with: ctes }: DeleteStatement,
  { sql: where, offset }: Span,
): Promise<TableChange | undefined> {
  const { snapshot } = target;
  const spans = [{ sql: where, offset }, ...(ctes === undefined ? [] : [ctes])];
  const prefix = ctes === undefined ? '' : `${ctes.sql} `;
  const all = targetRelation(target, alias?.name);
  const found = await context.runRows(
    {
      sql: `${prefix}SELECT ${fileColumn}, count(*) FROM ${all.from} WHERE (${where}) GROUP BY 1`,
      offset: undefined,
      spans,
      tables: all.tables,
    },
    Math.max(1, snapshot.files.length),
  );
  const touched = touchedFiles(snapshot.files, found);
  if (touched.rows === 0) return undefined;
  const partly = [...touched.counts]
    .filter(([file, count]) => liveRowsOf(file) !== count)
    .map(([file]) => file);
  const common = {
    reads: { kind: 'wholeTable' } as const,
    operation: 'DELETE',
    parameters: { predicate: JSON.stringify([where]) },
    rows: touched.rows,
  };
  const nowMs = context.clock.now();
  const written =
    partly.length === 0 ? [] : await keepRest(target, context, alias?.name, prefix, where, partly);
  const adds = written.map((file) => toAddAction(file, { nowMs, dataChange: true }));
  return {
    ...common,
    actions: changeRows(
      { rewritten: [...touched.counts.keys()], deletions: [], written: adds, changes: [] },
      nowMs,
    ),
    metrics: deletionMetrics(touched.rows, [...touched.counts.keys()], written),
    written,
  };
}

/** Rewrites files without the rows that the condition is true for. */
async function keepRest(
  target: DeltaTarget,
  context: StatementContext,
  alias: string | undefined,
  prefix: string,
  where: string,
  files: readonly AddAction[],
): Promise<readonly WrittenFile[]> {
  const { snapshot } = target;
  const part = targetRelation(target, alias, new Set(files));
  const columns = snapshot.schema.map(({ name }) => `${part.alias}.${quoteIdentifier(name)}`);
  const shard = shardSql(snapshot);
  const items = [...columns, ...(shard === undefined ? [] : [`CAST(${shard} AS INTEGER) AS _skein_shard`])];
  const sql = `${prefix}SELECT ${items.join(', ')} FROM ${part.from} WHERE (${where}) IS NOT TRUE`;
  const outcome = await context.runWrite({
    query: { sql, offset: undefined, tables: part.tables },
    write: () => deltaWrite(snapshot),
  });
  return outcome.files;
}
