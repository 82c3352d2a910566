import { SkeinError, SqlState } from '../../common/index.ts';
import type { Span } from '../../sql/index.ts';
import { changeRows, toAddAction, type WrittenFile } from '../../storage/index.ts';
import { type WrittenChanges, writeChangeData } from './change-data.ts';
import type { TableChange } from './commit-change.ts';
import { deletionsOf } from './deletion-vectors.ts';
import type { DeltaTarget } from './delta-target.ts';
import { deltaWrite, shardSql } from './delta-write.ts';
import { derivedRows } from './derived-rows.ts';
import { identityActions, identityDefaults } from './identities.ts';
import {
  type Changes,
  changesSql,
  deletedRowsSql,
  givesValues,
  keptRowsSql,
  newRowsSql,
  type RowClause,
  touchedSql,
} from './merge-rows-sql.ts';
import { changeMetrics } from './operation-metrics.ts';
import { type ChangedRows, type Returning, returnedRows } from './returning.ts';
import type { ResultRows, StatementContext, StatementQuery } from './statement-context.ts';
import { givenRows } from './table-rows.ts';
import { fileColumn, rowColumn, type TargetRelation, targetRelation } from './target-relation.ts';
import { touchedFiles } from './touched-files.ts';

export interface ChangeRequest {
  readonly alias: string | undefined;
  /** `WITH ...` */
  readonly ctes: string | undefined;
  /** Items of FROM; undefined: there is no source. */
  readonly source: string | undefined;
  readonly on: string;
  readonly clauses: readonly RowClause[];
  readonly operation: 'MERGE' | 'UPDATE' | 'DELETE';
  /** Whether more than one row of the source may want the same row: of deletions that makes no difference. */
  readonly severalMatches: 'allowed' | 'refused';
  /** Pieces of the user's text. */
  readonly spans: readonly Span[];
  readonly returning: Returning | undefined;
}

type Tables = NonNullable<StatementQuery['tables']>;

/**
 * Changes, deletes and inserts rows as clauses say. The changes are computed once and kept in files: all that follows
 * is made of those, so that it fits together whatever functions the statement calls.
 */
export async function changeTableRows(
  target: DeltaTarget,
  context: StatementContext,
  request: ChangeRequest,
): Promise<TableChange | undefined> {
  const { snapshot, rules } = target;
  const all = targetRelation(target, request.alias);
  const { schema } = snapshot;
  const presets = schema.map(
    ({ name }) => rules.defaults.find(({ column }) => column === name)?.sql ?? 'NULL',
  );
  const identities = identityDefaults(target, request.clauses);
  const sql = changesSql({
    prefix: request.ctes === undefined ? '' : `${request.ctes} `,
    schema,
    target: all.from,
    alias: all.alias,
    source: request.source,
    on: request.on,
    clauses: request.clauses,
    defaults: presets.map((preset, index) => identities[index] ?? preset),
  });
  const query = { sql, offset: undefined, spans: request.spans, tables: all.tables };
  const derived = await derivedRows(target, context, query, 'changes');
  try {
    const changes: Changes = { from: derived.from, schema, clauses: request.clauses };
    const tables = new Map([...all.tables, ...derived.tables]);
    const found = await context.runRows({ sql: touchedSql(changes), offset: undefined, tables });
    return await madeOf(target, context, request, { changes, tables, found });
  } finally {
    await context.releaseWritten(target.table.location, derived.files);
  }
}

interface FoundChanges {
  readonly changes: Changes;
  readonly tables: Tables;
  /** Of `touchedSql`. */
  readonly found: ResultRows;
}

async function madeOf(
  target: DeltaTarget,
  context: StatementContext,
  request: ChangeRequest,
  { changes, tables, found }: FoundChanges,
): Promise<TableChange | undefined> {
  const { snapshot, table, properties } = target;
  const ofTarget = found.rows.filter(([file]) => file !== null);
  const wanted = ofTarget.reduce((most, row) => Math.max(most, Number(row[3])), 0);
  if (request.severalMatches === 'refused' && wanted > 1) {
    throw new SkeinError(
      SqlState.cardinalityViolation,
      `${wanted} rows of the source want to change the same row of ${table.key}`,
      { hint: 'Make the source unique in the columns that it is joined by.' },
    );
  }
  const touched = touchedFiles(snapshot.files, { ...found, rows: ofTarget });
  const inserted = Number(found.rows.find(([file]) => file === null)?.[1] ?? 0);
  const deleted = ofTarget.reduce((sum, row) => sum + Number(row[2]), 0);
  if (touched.rows === 0 && inserted === 0) return undefined;
  const files = new Set(touched.counts.keys());
  const part = files.size === 0 ? undefined : targetRelation(target, request.alias, files);
  const all: Tables = new Map([...tables, ...(part?.tables ?? [])]);
  const released: WrittenFile[] = [];
  try {
    const written = await writeRows(target, context, changes, part, all);
    released.push(...written);
    const data: WrittenChanges = properties.enableChangeDataFeed
      ? await writeChangeData(target, context, changes, part, all)
      : { files: [], actions: [] };
    released.push(...data.files);
    const deletions =
      properties.enableDeletionVectors && part !== undefined
        ? await deletionsOf(target, context, {
            sql: `SELECT ${fileColumn} AS file, ${rowColumn} AS row FROM ${changes.from} WHERE ${fileColumn} IS NOT NULL`,
            tables: all,
          })
        : [];
    const { returning } = request;
    const returned =
      returning === undefined
        ? undefined
        : await returnedRows(context, returning, changedRows(target, changes, part), all);
    const nowMs = context.clock.now();
    const adds = written.map((file) => toAddAction(file, { nowMs, dataChange: true }));
    const rewritten = properties.enableDeletionVectors ? [] : [...files];
    return {
      actions: [
        ...identityActions(target, request.clauses, inserted),
        ...changeRows({ rewritten, deletions, written: adds, changes: data.actions }, nowMs),
      ],
      reads: { kind: 'wholeTable' },
      operation: request.operation,
      parameters: { predicate: JSON.stringify([request.on]) },
      metrics: changeMetrics(request.operation, {
        updated: touched.rows - deleted,
        deleted,
        inserted,
        written,
        removed: rewritten,
        deletions,
        changeFiles: data.files.length,
      }),
      written: released,
      rows: touched.rows + inserted,
      ...(returned === undefined ? {} : { returned }),
    };
  } catch (error) {
    await context.releaseWritten(table.location, released);
    throw error;
  }
}

/** The rows of a change, for RETURNING. */
function changedRows(
  target: DeltaTarget,
  changes: Changes,
  part: TargetRelation | undefined,
): readonly ChangedRows[] {
  const has = (kind: RowClause['action']['kind']): boolean =>
    changes.clauses.some(({ action }) => action.kind === kind);
  const given = (which: 'updated' | 'inserted'): string => givenRows(target, newRowsSql(changes, which));
  return [
    ...(has('update') ? [{ action: 'UPDATE', sql: given('updated') } as const] : []),
    ...(has('insert') ? [{ action: 'INSERT', sql: given('inserted') } as const] : []),
    ...(has('delete') && part !== undefined
      ? [{ action: 'DELETE', sql: deletedRowsSql(changes, part.from, part.alias) } as const]
      : []),
  ];
}

/** Rows that go to new files: the changed and inserted ones, and without deletion vectors what else their files held. */
async function writeRows(
  target: DeltaTarget,
  context: StatementContext,
  changes: Changes,
  part: TargetRelation | undefined,
  tables: Tables,
): Promise<readonly WrittenFile[]> {
  const keeps = part !== undefined && !target.properties.enableDeletionVectors;
  const parts = [
    ...(keeps ? [keptRowsSql(changes, part.from, part.alias)] : []),
    ...(givesValues(changes) ? [newRowsSql(changes, 'both')] : []),
  ];
  if (parts.length === 0) return [];
  const { snapshot } = target;
  const { files } = await context.runWrite({
    query: {
      sql: givenRows(target, parts.join('\nUNION ALL\n'), shardSql(snapshot)),
      offset: undefined,
      tables,
    },
    write: () => deltaWrite(snapshot),
  });
  return files;
}
