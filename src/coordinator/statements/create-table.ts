import type { FoundObject, QualifiedName } from '../../catalog/index.ts';
import { SkeinError, SqlState } from '../../common/index.ts';
import type { CreateTableStatement, ObjectName } from '../../sql/index.ts';
import {
  columnRules,
  commitDelta,
  createTable as createActions,
  type DeltaField,
  type DeltaLog,
  type DeltaSnapshot,
  fieldsToSchema,
  replaceTable,
  storeCommitLog,
  toAddAction,
  type WrittenFile,
} from '../../storage/index.ts';
import type { Schema } from '../../types/index.ts';
import { cloneTable } from './clone-table.ts';
import { engineInfo } from './commit-change.ts';
import { deleteTableFiles } from './delete-table-files.ts';
import { openTarget } from './delta-target.ts';
import { deltaWrite, shardSql } from './delta-write.ts';
import { writeMetrics } from './operation-metrics.ts';
import { atName, qualifyName } from './qualify-name.ts';
import { registerExternal } from './register-external.ts';
import { resolveSharding } from './resolve-sharding.ts';
import { countResult, noRows } from './results.ts';
import type { StatementContext, StatementQuery, StatementResult } from './statement-context.ts';
import {
  definedShape,
  defineTable,
  queriedShape,
  type TableDefinition,
  type TableShape,
} from './table-definition.ts';
import { tableRows } from './table-rows.ts';

/** CREATE TABLE in all of its forms. */
export async function createTable(
  statement: CreateTableStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const { catalog, signal } = context;
  const { table, ifExists, contents } = statement;
  const asked = qualifyName(table, context.schema);
  const schema = await atName(table, catalog.names.requireSchema(asked.schema, signal));
  const name = { schema, name: asked.name };
  const found = await catalog.names.find(name, signal);
  if (found !== undefined && ifExists === 'keep') return noRows;
  if (found !== undefined && ifExists === 'fail') throw taken(table, found);
  if (found?.kind === 'view') throw taken(table, found);
  if (contents.kind === 'none') return await registerExternal(statement, name, context);
  if (contents.kind === 'clone') return await cloneTable(statement, contents, name, context);
  const shape = await shapeOf(statement, context);
  const query = contents.kind === 'query' ? contents.query : undefined;
  const rows = await makeTable(statement, name, shape, query, found, context);
  return query === undefined ? noRows : countResult(rows);
}

function taken({ name, offset }: ObjectName, found: FoundObject): SkeinError {
  return new SkeinError(SqlState.duplicateTable, `there is a ${found.kind} ${name} already`, {
    position: offset,
    hint:
      found.kind === 'table'
        ? 'Use CREATE TABLE IF NOT EXISTS or CREATE OR REPLACE TABLE.'
        : 'Drop the view first, or use another name.',
  });
}

async function shapeOf(
  { contents, table }: CreateTableStatement,
  context: StatementContext,
): Promise<TableShape> {
  switch (contents.kind) {
    case 'columns':
      return await definedShape(contents.columns, contents.checks, context);
    case 'query': {
      const bound = await context.bindColumns(contents.query);
      if (contents.names.length > bound.length) {
        throw new SkeinError(SqlState.syntaxError, `the query has only ${bound.length} columns`, {
          position: table.offset,
        });
      }
      return queriedShape(
        bound.map((column, index) => ({ ...column, name: contents.names[index]?.name ?? column.name })),
      );
    }
    case 'like': {
      const { snapshot } = await openTarget(contents.source, context);
      return { fields: snapshot.fields.map(unmapped), configuration: constraintsOf(snapshot) };
    }
    case 'none':
    case 'clone':
      throw new Error(`the shape of ${contents.kind} is not given by the statement`);
  }
}

/** A field as a table without column mapping has it, whose identities begin anew. */
function unmapped(field: DeltaField): DeltaField {
  const metadata = Object.entries(field.metadata).filter(
    ([key]) => !key.startsWith('delta.columnMapping.') && key !== 'delta.identity.highWaterMark',
  );
  return {
    ...field,
    physicalName: field.name,
    fieldId: undefined,
    children: field.children.map(unmapped),
    metadata: Object.fromEntries(metadata),
  };
}

function constraintsOf({ metadata }: DeltaSnapshot): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(metadata.configuration).filter(([key]) => key.startsWith('delta.constraints.')),
  );
}

const firstCommitKey = '_delta_log/00000000000000000000.json';

/** Writes the rows there are, then the log, then the name: nothing is seen before the last of them. */
async function makeTable(
  statement: CreateTableStatement,
  name: QualifiedName,
  shape: TableShape,
  query: StatementQuery | undefined,
  found: FoundObject | undefined,
  context: StatementContext,
): Promise<number> {
  const { catalog, signal } = context;
  const replaced =
    found?.kind === 'table' && found.table.format === 'delta' && statement.location === undefined
      ? await catalog.names.openTable(name, signal)
      : undefined;
  const external = statement.location !== undefined;
  const location =
    replaced?.location ??
    (statement.location === undefined
      ? catalog.names.newTableLocation(name)
      : await atName(statement.location, catalog.names.checkLocation(statement.location.text)));
  const schema = fieldsToSchema(shape.fields);
  const sharding =
    statement.sharding === undefined
      ? undefined
      : await resolveSharding(statement.sharding, { name: name.name, schema, rows: query }, context);
  const definition = defineTable(statement, shape, location, sharding, context);
  const withData = query !== undefined && (statement.contents.kind !== 'query' || statement.contents.data);
  const written = withData ? await writeRows(definition, query, context) : { files: [], rows: 0 };
  try {
    const selected = query !== undefined;
    if (replaced === undefined) await commitNew(definition, written.files, selected, context);
    else await commitReplaced(definition, replaced.log, written.files, selected, context);
  } catch (error) {
    await context.releaseWritten(location, written.files);
    throw error;
  }
  if (replaced !== undefined) return written.rows;
  const kind = external ? 'external' : 'managed';
  const entry = { ...name, location, kind, format: 'delta' } as const;
  try {
    const comment = statement.comment?.text;
    const gone = await catalog.names.createTable(
      { ...entry, ...(comment === undefined ? {} : { comment }) },
      statement.ifExists === 'replace',
      signal,
    );
    if (gone !== undefined) await deleteTableFiles(gone, context);
  } catch (error) {
    await deleteNewTable(location, written.files, context);
    const isThere = error instanceof SkeinError && error.sqlState === SqlState.duplicateTable;
    if (isThere && statement.ifExists === 'keep') return 0;
    throw error;
  }
  return written.rows;
}

/** Of a table that got no name: what the statement wrote, and nothing that lay there before. Best effort. */
async function deleteNewTable(
  location: string,
  files: readonly WrittenFile[],
  context: StatementContext,
): Promise<void> {
  await context.releaseWritten(location, files);
  try {
    await context.store(location).delete([firstCommitKey]);
  } catch {
    // A table without a name is in nobody's way.
  }
}

async function writeRows(
  definition: TableDefinition,
  query: StatementQuery,
  context: StatementContext,
): Promise<{ readonly files: readonly WrittenFile[]; readonly rows: number }> {
  const { schema, fields, metadata } = definition;
  const bound: Schema = schema;
  const sql = tableRows({
    source: query.sql,
    sourceColumns: bound.length,
    target: { schema, metadata },
    rules: columnRules(fields, metadata.configuration),
    columns: schema.map((_, position) => ({ kind: 'given', position })),
    shard: shardSql(definition),
  });
  return await context.runWrite({
    query: { ...query, sql, offset: undefined },
    write: () => deltaWrite(definition),
  });
}

async function commitNew(
  { location, protocol, metadata }: TableDefinition,
  files: readonly WrittenFile[],
  selected: boolean,
  context: StatementContext,
): Promise<void> {
  context.beforeEffects();
  const { clock, random, signal } = context;
  const nowMs = clock.now();
  const adds = files.map((file) => toAddAction(file, { nowMs, dataChange: true }));
  const objects = context.store(location);
  const result = await commitDelta({
    store: objects,
    log: storeCommitLog(objects),
    read: 'new table',
    actions: createActions(protocol, metadata, adds),
    reads: { kind: 'nothing' },
    operation: selected ? 'CREATE TABLE AS SELECT' : 'CREATE TABLE',
    ...(selected ? { operationMetrics: writeMetrics(files) } : {}),
    operationParameters: {
      isManaged: 'true',
      partitionBy: JSON.stringify(metadata.partitionColumns),
      properties: JSON.stringify(metadata.configuration),
    },
    engineInfo,
    clock,
    random,
    signal,
  });
  if (result.kind === 'committed') return;
  throw new SkeinError(SqlState.duplicateTable, `there is a Delta table at ${location} already`, {
    hint: 'CREATE TABLE name LOCATION ... without columns makes it a table of this name.',
  });
}

/** CREATE OR REPLACE keeps the table's history. */
async function commitReplaced(
  { location, metadata, needed }: TableDefinition,
  log: DeltaLog,
  files: readonly WrittenFile[],
  selected: boolean,
  context: StatementContext,
): Promise<void> {
  context.beforeEffects();
  const snapshot = await log.snapshot({ signal: context.signal });
  const { clock, random, signal } = context;
  const nowMs = clock.now();
  const adds = files.map((file) => toAddAction(file, { nowMs, dataChange: true }));
  const objects = context.store(location);
  const result = await commitDelta({
    store: objects,
    log: storeCommitLog(objects),
    read: snapshot,
    actions: replaceTable(snapshot, metadata, needed, adds, nowMs),
    reads: { kind: 'wholeTable' },
    operation: selected ? 'CREATE OR REPLACE TABLE AS SELECT' : 'CREATE OR REPLACE TABLE',
    ...(selected ? { operationMetrics: writeMetrics(files) } : {}),
    operationParameters: { partitionBy: JSON.stringify(metadata.partitionColumns) },
    engineInfo,
    clock,
    random,
    signal,
  });
  if (result.kind !== 'conflict') {
    context.maintain(log, result.version, metadata.configuration);
    return;
  }
  throw new SkeinError(SqlState.serializationFailure, `the table at ${location} was changed meanwhile`, {
    hint: 'Run the statement again.',
  });
}
