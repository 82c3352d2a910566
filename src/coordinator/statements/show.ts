import { SkeinError, SqlState } from '../../common/index.ts';
import type { ShowPattern, ShowStatement } from '../../sql/index.ts';
import {
  formatType,
  quoteIdentifier,
  quoteLiteral,
  type Schema,
  type SqlValue,
  scalar,
} from '../../types/index.ts';
import { type DeltaTarget, openTarget } from './delta-target.ts';
import { shardingOfTable } from './delta-write.ts';
import { atName, qualifyName } from './qualify-name.ts';
import type { ResultRows, StatementContext, StatementResult } from './statement-context.ts';
import { liveRowsOf } from './touched-files.ts';

const text = scalar('VARCHAR');
const count = scalar('BIGINT');

/** SHOW, where DuckDB has none of its own. */
export async function show(statement: ShowStatement, context: StatementContext): Promise<StatementResult> {
  if (!('table' in statement)) return await showNames(statement, context);
  if (statement.what === 'createView') return await showView(statement, context);
  const target = await openTarget(statement.table, context);
  switch (statement.what) {
    case 'columns':
      return columnsOf(target);
    case 'createTable':
      return one('create_table', createTableSql(target));
    case 'properties':
      return rowsOf({ key: text, value: text }, Object.entries(target.snapshot.metadata.configuration));
    case 'files':
      return rowsOf(
        { path: text, bytes: count, rows: count, partition: scalar('JSON'), shard: text },
        target.snapshot.files.map((file) => [
          file.path,
          BigInt(file.size),
          countOrNull(liveRowsOf(file)),
          JSON.stringify(file.partitionValues),
          file.tags?.['skein.shard'] ?? null,
        ]),
      );
    case 'shards':
      return grouped(target, 'shard', (file) => file.tags?.['skein.shard'] ?? null);
    case 'partitions':
      return grouped(target, 'partition', (file) => JSON.stringify(file.partitionValues));
  }
}

async function showNames(
  { what, schema, like }: Extract<ShowStatement, { what: 'views' | 'tables' }>,
  context: StatementContext,
): Promise<ResultRows> {
  const snapshot = await context.snapshot();
  const wanted = (schema?.name ?? context.schema).toLowerCase();
  const keys = [...(what === 'views' ? snapshot.views : snapshot.tables).keys()];
  const names = keys
    .filter((key) => key.slice(0, key.indexOf('.')).toLowerCase() === wanted)
    .map((key) => key.slice(key.indexOf('.') + 1))
    .filter((name) => like === undefined || matches(name, like));
  return rowsOf(
    { name: text },
    names.sort().map((name) => [name]),
  );
}

/** LIKE: `%` is any text, `_` any character. */
function matches(name: string, { pattern, ignoreCase }: ShowPattern): boolean {
  const source = [...pattern.text]
    .map((each) => (each === '%' ? '.*' : each === '_' ? '.' : each.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')))
    .join('');
  return new RegExp(`^${source}$`, ignoreCase ? 'isu' : 'su').test(name);
}

async function showView(
  { table }: Extract<ShowStatement, { readonly table: unknown }>,
  { catalog, schema, signal }: StatementContext,
): Promise<ResultRows> {
  const found = await atName(table, catalog.names.find(qualifyName(table, schema), signal));
  if (found?.kind === 'view') {
    const { entry } = found;
    const aliases =
      entry.aliases.length === 0 ? '' : ` (${entry.aliases.map((each) => quoteIdentifier(each)).join(', ')})`;
    const name = [entry.schema, entry.name].map(quoteIdentifier).join('.');
    return one('create_view', `CREATE VIEW ${name}${aliases} AS ${entry.sql}`);
  }
  throw new SkeinError(SqlState.undefinedTable, `there is no view ${table.name}`, { position: table.offset });
}

function columnsOf({ snapshot, rules }: DeltaTarget): ResultRows {
  return rowsOf(
    { name: text, type: text, nullable: scalar('BOOLEAN'), default: text, generated: text, comment: text },
    snapshot.fields.map(({ name, type, nullable, metadata }) => [
      name,
      formatType(type),
      nullable,
      rules.defaults.find((rule) => rule.column === name)?.sql ?? null,
      rules.generated.find((rule) => rule.column === name)?.sql ?? null,
      typeof metadata.comment === 'string' ? metadata.comment : null,
    ]),
  );
}

/** A statement that makes an empty table like this one. */
function createTableSql(target: DeltaTarget): string {
  const { snapshot, rules, table } = target;
  const { metadata } = snapshot;
  const columns = snapshot.fields.map(({ name, type, nullable, metadata: about }) => {
    const preset = rules.defaults.find((rule) => rule.column === name);
    const generated = rules.generated.find((rule) => rule.column === name);
    const identity = rules.identities.find((rule) => rule.column === name);
    return [
      `${quoteIdentifier(name)} ${formatType(type)}`,
      ...(nullable ? [] : ['NOT NULL']),
      ...(preset === undefined ? [] : [`DEFAULT ${preset.sql}`]),
      ...(generated === undefined ? [] : [`GENERATED ALWAYS AS (${generated.sql})`]),
      ...(identity === undefined
        ? []
        : [
            `GENERATED ${identity.allowExplicitInsert ? 'BY DEFAULT' : 'ALWAYS'} AS IDENTITY (START WITH ${identity.start} INCREMENT BY ${identity.step})`,
          ]),
      ...(typeof about.comment === 'string' ? [`COMMENT ${quoteLiteral(about.comment)}`] : []),
    ].join(' ');
  });
  const checks = rules.checks.map(({ name, sql }) => `CONSTRAINT ${quoteIdentifier(name)} CHECK (${sql})`);
  const hidden = (key: string): boolean =>
    key.startsWith('delta.constraints.') ||
    key === 'skein.sharding' ||
    key === 'delta.columnMapping.maxColumnId';
  const properties = Object.entries(metadata.configuration).filter(([key]) => !hidden(key));
  return [
    `CREATE TABLE ${[table.schema, table.name].map(quoteIdentifier).join('.')} (`,
    [...columns, ...checks].map((line) => `  ${line}`).join(',\n'),
    ')',
    ...(metadata.partitionColumns.length === 0
      ? []
      : [`PARTITIONED BY (${metadata.partitionColumns.map(quoteIdentifier).join(', ')})`]),
    ...shardClause(target),
    ...(table.kind === 'external' ? [`LOCATION ${quoteLiteral(table.location)}`] : []),
    ...(properties.length === 0
      ? []
      : [
          `WITH (${properties.map(([key, value]) => `${quoteLiteral(key)} = ${quoteLiteral(value)}`).join(', ')})`,
        ]),
    ...(metadata.description === undefined ? [] : [`COMMENT ${quoteLiteral(metadata.description)}`]),
  ].join('\n');
}

function shardClause({ snapshot }: DeltaTarget): readonly string[] {
  const sharding = shardingOfTable(snapshot);
  if (sharding === undefined) return [];
  const nameOf = (index: number): string => quoteIdentifier(snapshot.schema[index]?.name ?? '');
  switch (sharding.kind) {
    case 'hash':
      return [`SHARDED BY HASH (${sharding.columns.map(nameOf).join(', ')}) INTO ${sharding.shards} SHARDS`];
    case 'range':
      return [
        `SHARDED BY RANGE (${nameOf(sharding.column)}) SPLIT AT (${sharding.splits.map(quoteLiteral).join(', ')})`,
      ];
    case 'roundRobin':
      return [`SHARDED BY ROUND ROBIN INTO ${sharding.shards} SHARDS`];
  }
}

type File = DeltaTarget['snapshot']['files'][number];

function grouped(target: DeltaTarget, name: string, keyOf: (file: File) => string | null): ResultRows {
  const groups = new Map<string | null, { files: number; bytes: number; rows: number | undefined }>();
  for (const file of target.snapshot.files) {
    const key = keyOf(file);
    const group = groups.get(key) ?? { files: 0, bytes: 0, rows: 0 };
    const rows = liveRowsOf(file);
    groups.set(key, {
      files: group.files + 1,
      bytes: group.bytes + file.size,
      rows: rows === undefined || group.rows === undefined ? undefined : group.rows + rows,
    });
  }
  return rowsOf(
    { [name]: text, files: count, bytes: count, rows: count },
    [...groups].map(([key, { files, bytes, rows }]) => [
      key,
      BigInt(files),
      BigInt(bytes),
      countOrNull(rows),
    ]),
  );
}

function countOrNull(value: number | undefined): bigint | null {
  return value === undefined ? null : BigInt(value);
}

function one(name: string, value: string): ResultRows {
  return rowsOf({ [name]: text }, [[value]]);
}

function rowsOf(
  columns: Readonly<Record<string, Schema[number]['type']>>,
  rows: readonly (readonly SqlValue[])[],
): ResultRows {
  return { columns: Object.entries(columns).map(([name, type]) => ({ name, type })), rows };
}
