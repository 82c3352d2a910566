import type { Span, UpdateStatement } from '../../sql/index.ts';
import { changeRows, toAddAction } from '../../storage/index.ts';
import { formatType, quoteIdentifier } from '../../types/index.ts';
import { changeTableRows } from './change-rows.ts';
import type { TableChange } from './commit-change.ts';
import { type DeltaTarget, openTarget } from './delta-target.ts';
import { deltaWrite, shardSql } from './delta-write.ts';
import { assignedValues, expressionsOf } from './merge.ts';
import { changeMetrics } from './operation-metrics.ts';
import { changeAndAnswer } from './returning.ts';
import type { StatementContext, StatementResult } from './statement-context.ts';
import { givenRows } from './table-rows.ts';
import { fileColumn, type TargetRelation, targetRelation } from './target-relation.ts';
import { touchedFiles } from './touched-files.ts';

/** UPDATE, with or without FROM. */
export async function update(
  statement: UpdateStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const target = await openTarget(statement.table, context);
  const { from, where, assignments, alias } = statement;
  const returning =
    statement.returning === undefined
      ? undefined
      : { items: statement.returning, alias: alias?.name ?? target.table.name, withAction: false };
  return await changeAndAnswer(target, context, returning, async (current) => {
    const { enableDeletionVectors, enableChangeDataFeed } = current.properties;
    const inOnePass = from === undefined && returning === undefined;
    if (inOnePass && !enableDeletionVectors && !enableChangeDataFeed) {
      return await updateWhere(current, context, statement);
    }
    return await changeTableRows(current, context, {
      alias: alias?.name,
      ctes: statement.with?.sql,
      source: from?.sql,
      on: where?.sql ?? 'true',
      clauses: [
        {
          when: 'matched',
          condition: undefined,
          action: { kind: 'update', values: assignedValues(assignments, current) },
        },
      ],
      operation: 'UPDATE',
      severalMatches: 'refused',
      spans: [...spansOf(statement), ...(from === undefined ? [] : [from])],
      returning,
    });
  });
}

function spansOf({ with: ctes, where, assignments }: UpdateStatement): readonly Span[] {
  return [ctes, where, ...expressionsOf(assignments.map(({ value }) => value))].filter(
    (span) => span !== undefined,
  );
}

/** Rewrites the touched files in one pass, the changed rows with their new values. */
async function updateWhere(
  target: DeltaTarget,
  context: StatementContext,
  statement: UpdateStatement,
): Promise<TableChange | undefined> {
  const { snapshot } = target;
  const { alias, with: ctes, assignments, where } = statement;
  const prefix = ctes === undefined ? '' : `${ctes.sql} `;
  const condition = where?.sql ?? 'true';
  const values = assignedValues(assignments, target);
  const all = targetRelation(target, alias?.name);
  const spans = spansOf(statement);
  const found = await context.runRows(
    {
      sql: `${prefix}SELECT ${fileColumn}, count(*) FROM ${all.from} WHERE (${condition}) GROUP BY 1`,
      offset: undefined,
      spans,
      tables: all.tables,
    },
    Math.max(1, snapshot.files.length),
  );
  const touched = touchedFiles(snapshot.files, found);
  const files = new Set(touched.counts.keys());
  const part = targetRelation(target, alias?.name, files);
  const query = {
    sql: updatedRows(target, part, prefix, condition, values),
    offset: undefined,
    spans,
    tables: part.tables,
  };
  if (touched.rows === 0) {
    // Values that cannot be are an error all the same.
    await context.bindColumns(query);
    return undefined;
  }
  const outcome = await context.runWrite({ query, write: () => deltaWrite(snapshot) });
  const nowMs = context.clock.now();
  const written = outcome.files.map((file) => toAddAction(file, { nowMs, dataChange: true }));
  return {
    actions: changeRows({ rewritten: [...files], deletions: [], written, changes: [] }, nowMs),
    reads: { kind: 'wholeTable' },
    operation: 'UPDATE',
    parameters: { predicate: JSON.stringify([condition]) },
    metrics: changeMetrics('UPDATE', {
      updated: touched.rows,
      deleted: 0,
      inserted: 0,
      written: outcome.files,
      removed: [...files],
      deletions: [],
      changeFiles: 0,
    }),
    written: outcome.files,
    rows: touched.rows,
  };
}

/** The rows of the touched files, the changed ones with their new values. */
function updatedRows(
  target: DeltaTarget,
  { alias, from }: TargetRelation,
  prefix: string,
  condition: string,
  values: readonly (string | undefined)[],
): string {
  const { snapshot } = target;
  // The condition is evaluated once a row, whatever it is.
  const marked = `SELECT *, (${condition}) IS TRUE AS _skein_changed FROM ${from}`;
  const items = snapshot.schema.map(({ name, type }, index) => {
    const own = `${alias}.${quoteIdentifier(name)}`;
    const value = values[index];
    if (value === undefined) return own;
    return `CASE WHEN ${alias}._skein_changed THEN CAST(${value} AS ${formatType(type)}) ELSE ${own} END`;
  });
  const source = `${prefix}SELECT ${items.join(', ')} FROM (${marked}) AS ${alias}`;
  return givenRows(target, source, shardSql(snapshot));
}
