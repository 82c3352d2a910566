import { SkeinError, SqlState } from '../../common/index.ts';
import type { AlterTableAction, ShardingClause } from '../../sql/index.ts';
import {
  changeTable as changeActions,
  columnRules,
  type DeltaField,
  fieldsToSchema,
  fieldsToSchemaString,
  formatSharding,
  neededFeatures,
  overwrite,
  schemaToFields,
  shardingProperty,
  toAddAction,
} from '../../storage/index.ts';
import { formatType, quoteIdentifier } from '../../types/index.ts';
import type { TableChange } from './commit-change.ts';
import { columnPosition, type DeltaTarget } from './delta-target.ts';
import { deltaWrite, shardSql, type WrittenTable } from './delta-write.ts';
import { resolveSharding } from './resolve-sharding.ts';
import type { StatementContext } from './statement-context.ts';
import { bindInside, emptyRow } from './table-definition.ts';
import { tableRows } from './table-rows.ts';
import { targetRelation } from './target-relation.ts';

/** ALTER COLUMN ... SET DATA TYPE: every row is written anew, with the column cast or computed. */
export async function rewriteColumn(
  target: DeltaTarget,
  { column, type, using }: Extract<AlterTableAction, { kind: 'setType' }>,
  context: StatementContext,
): Promise<TableChange | undefined> {
  const { snapshot, table } = target;
  const position = columnPosition(snapshot.schema, column, table.key);
  const [bound] = await bindInside('SELECT CAST(NULL AS ', type, ')', context);
  const old = snapshot.fields[position];
  if (bound === undefined || old === undefined) throw new Error('a type is bound to one column');
  if (formatType(bound.type) === formatType(old.type)) return undefined;
  if (old.children.length > 0 || bound.type.kind === 'struct') {
    throw new SkeinError(
      SqlState.featureNotSupported,
      `the type of ${old.name} is nested: it cannot be changed`,
      {
        position: column.offset,
        hint: 'CREATE OR REPLACE TABLE ... AS SELECT writes the table with other columns.',
      },
    );
  }
  const name = quoteIdentifier(old.name);
  if (using !== undefined) {
    await bindInside('SELECT (', using, `) FROM (${emptyRow(snapshot.schema)})`, context);
  }
  const [plain] = schemaToFields([{ name: old.name, type: bound.type }]);
  if (plain === undefined) throw new Error('a column gives a field');
  const field: DeltaField = { ...old, type: bound.type, children: plain.children };
  const fields = snapshot.fields.map((each, index) => (index === position ? field : each));
  const value = `CAST(${using === undefined ? name : `(${using.sql})`} AS ${formatType(bound.type)})`;
  return await rewrite(target, { ...snapshot, fields, schema: fieldsToSchema(fields) }, context, {
    values: snapshot.schema.map((each, index) => (index === position ? value : quoteIdentifier(each.name))),
    operation: 'CHANGE COLUMN',
    parameters: { column: old.name, type: formatType(bound.type) },
  });
}

/** ALTER TABLE ... RESHARD: every row is written anew, into files of its shard. */
export async function reshard(
  target: DeltaTarget,
  clause: ShardingClause | undefined,
  context: StatementContext,
): Promise<TableChange> {
  const { snapshot, table } = target;
  const { from, tables } = targetRelation(target, undefined);
  const sharding =
    clause === undefined
      ? undefined
      : await resolveSharding(
          clause,
          {
            name: table.key,
            schema: snapshot.schema,
            rows: { sql: `SELECT * FROM ${from}`, offset: undefined, tables },
          },
          context,
        );
  const { [shardingProperty]: _, ...others } = snapshot.metadata.configuration;
  const configuration =
    sharding === undefined
      ? others
      : { ...others, [shardingProperty]: formatSharding(sharding, snapshot.fields) };
  const next = { ...snapshot, metadata: { ...snapshot.metadata, configuration } };
  return await rewrite(target, next, context, {
    values: snapshot.schema.map(({ name }) => quoteIdentifier(name)),
    operation: 'RESHARD',
    parameters: { sharding: configuration[shardingProperty] ?? 'none' },
  });
}

async function rewrite(
  target: DeltaTarget,
  next: WrittenTable,
  context: StatementContext,
  change: {
    readonly values: readonly string[];
    readonly operation: string;
    readonly parameters: Readonly<Record<string, unknown>>;
  },
): Promise<TableChange> {
  const { snapshot } = target;
  const { from, tables } = targetRelation(target, undefined);
  const metadata = { ...next.metadata, schemaString: fieldsToSchemaString(next.fields) };
  const written =
    snapshot.files.length === 0
      ? { files: [], rows: 0 }
      : await context.runWrite({
          query: {
            sql: tableRows({
              source: `SELECT ${change.values.join(', ')} FROM ${from}`,
              sourceColumns: next.schema.length,
              target: next,
              rules: columnRules(next.fields, metadata.configuration),
              columns: next.schema.map((_, position) => ({ kind: 'given', position })),
              shard: shardSql(next),
            }),
            offset: undefined,
            tables,
          },
          write: () => deltaWrite(next),
        });
  const nowMs = context.clock.now();
  const adds = written.files.map((file) => toAddAction(file, { nowMs, dataChange: true }));
  const needed = neededFeatures({ fields: next.fields, configuration: metadata.configuration });
  return {
    actions: [...changeActions(snapshot, metadata, needed), ...overwrite(snapshot, adds, nowMs)],
    reads: { kind: 'wholeTable' },
    operation: change.operation,
    parameters: change.parameters,
    written: written.files,
    rows: written.rows,
  };
}
