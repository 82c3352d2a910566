import type { UpdateStatement } from '../../sql/index.ts';
import { changeRows, toAddAction } from '../../storage/index.ts';
import { formatType, quoteIdentifier } from '../../types/index.ts';
import { changeTable, type TableChange } from './commit-change.ts';
import { deletionsOf } from './deletion-vectors.ts';
import { type DeltaTarget, openTarget } from './delta-target.ts';
import { deltaWrite, shardSql } from './delta-write.ts';
import { assignedValues, mergeRows } from './merge.ts';
import { countResult } from './results.ts';
import type { StatementContext, StatementResult } from './statement-context.ts';
import { tableRows } from './table-rows.ts';
import { fileColumn, rowColumn, type TargetRelation, targetRelation } from './target-relation.ts';
import { touchedFiles } from './touched-files.ts';

/** UPDATE, with or without FROM. */
export async function update(
  statement: UpdateStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const target = await openTarget(statement.table, context);
  const { from, where, assignments } = statement;
  const run = (current: DeltaTarget): Promise<TableChange | undefined> => {
    if (from === undefined) return updateWhere(current, context, statement);
    const values = assignedValues(assignments, current);
    return mergeRows(current, context, {
      alias: statement.alias?.name,
      ctes: statement.with?.sql,
      source: from.sql,
      on: where?.sql ?? 'true',
      clauses: [{ when: 'matched', condition: undefined, action: { kind: 'update', values } }],
      operation: 'UPDATE',
      severalMatches: 'refused',
    });
  };
  return countResult(await changeTable(target, context, run));
}

async function updateWhere(
  target: DeltaTarget,
  context: StatementContext,
  { alias, with: ctes, assignments, where }: UpdateStatement,
): Promise<TableChange | undefined> {
  const { snapshot, properties } = target;
  const prefix = ctes === undefined ? '' : `${ctes.sql} `;
  const condition = where?.sql ?? 'true';
  const values = assignedValues(assignments, target);
  const all = targetRelation(target, alias?.name);
  const found = await context.runRows(
    {
      sql: `${prefix}SELECT ${fileColumn}, count(*) FROM ${all.from} WHERE (${condition}) GROUP BY 1`,
      offset: undefined,
      tables: all.tables,
    },
    snapshot.files.length,
  );
  const touched = touchedFiles(snapshot.files, found);
  if (touched.rows === 0) return undefined;
  const files = new Set(touched.counts.keys());
  const part = targetRelation(target, alias?.name, files);
  const byVector = properties.enableDeletionVectors;
  const outcome = await context.runWrite({
    query: {
      sql: updatedRows(target, part, prefix, condition, values, byVector),
      offset: undefined,
      tables: part.tables,
    },
    write: () => deltaWrite(snapshot),
  });
  const deletions = byVector
    ? await deletionsOf(target, context, {
        sql: `${prefix}SELECT ${fileColumn} AS file, ${rowColumn} AS row FROM ${part.from} WHERE (${condition})`,
        tables: part.tables,
      })
    : [];
  const nowMs = context.clock.now();
  const written = outcome.files.map((file) => toAddAction(file, { nowMs, dataChange: true }));
  const rewritten = byVector ? [] : [...files];
  return {
    actions: changeRows({ rewritten, deletions, written, changes: [] }, nowMs),
    reads: { kind: 'wholeTable' },
    operation: 'UPDATE',
    parameters: { predicate: JSON.stringify([condition]) },
    metrics: {
      numUpdatedRows: String(touched.rows),
      numAddedFiles: String(written.length),
      numRemovedFiles: String(rewritten.length),
    },
    written: outcome.files,
    rows: touched.rows,
  };
}

/** The rows of the touched files with their new values, or only the changed ones. */
function updatedRows(
  { snapshot, rules }: DeltaTarget,
  part: TargetRelation,
  prefix: string,
  condition: string,
  values: readonly (string | undefined)[],
  changedOnly: boolean,
): string {
  const { alias, from } = part;
  // The condition is evaluated once a row, whatever it is.
  const marked = `SELECT *, (${condition}) IS TRUE AS _skein_changed FROM ${from}`;
  const items = snapshot.schema.map(({ name, type }, index) => {
    const own = `${alias}.${quoteIdentifier(name)}`;
    const value = values[index];
    if (value === undefined) return own;
    return `CASE WHEN ${alias}._skein_changed THEN CAST(${value} AS ${formatType(type)}) ELSE ${own} END`;
  });
  const only = changedOnly ? ` WHERE ${alias}._skein_changed` : '';
  return tableRows({
    source: `${prefix}SELECT ${items.join(', ')} FROM (${marked}) AS ${alias}${only}`,
    sourceColumns: snapshot.schema.length,
    target: snapshot,
    rules,
    columns: snapshot.schema.map(({ name }, position) =>
      rules.generated.some(({ column }) => column === name)
        ? { kind: 'default' }
        : { kind: 'given', position },
    ),
    shard: shardSql(snapshot),
  });
}
