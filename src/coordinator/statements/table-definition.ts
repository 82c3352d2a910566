import { SkeinError, SqlState } from '../../common/index.ts';
import {
  type CheckConstraint,
  type ColumnDefinition,
  type CreateTableStatement,
  type Span,
  tokenize,
} from '../../sql/index.ts';
import {
  addCheck,
  assignColumnMapping,
  canPartitionBy,
  type DeltaField,
  deltaProperties,
  fieldsToSchema,
  fieldsToSchemaString,
  formatSharding,
  lowestProtocol,
  type MetadataAction,
  neededFeatures,
  type ProtocolAction,
  randomUuid,
  type Sharding,
  schemaToFields,
  shardingProperty,
  splitFeatureRequests,
  validateProperties,
  withComment,
  withDefault,
  withGeneration,
  withIdentity,
} from '../../storage/index.ts';
import { type Column, formatType, quoteIdentifier, type Schema, scalar } from '../../types/index.ts';
import { requireDistinct } from './change-names.ts';
import { columnPosition } from './delta-target.ts';
import type { WrittenTable } from './delta-write.ts';
import type { StatementContext } from './statement-context.ts';

/** A Delta table that is about to be made. */
export interface TableDefinition extends WrittenTable {
  readonly protocol: ProtocolAction;
  /** Features that its protocol must have. */
  readonly needed: readonly string[];
}

/** Fields and properties as the statement gives them, before what follows from both. */
export interface TableShape {
  readonly fields: readonly DeltaField[];
  readonly configuration: Readonly<Record<string, string>>;
}

/** Columns of a table made by definitions; their expressions are checked, none is run. */
export async function definedShape(
  columns: readonly ColumnDefinition[],
  checks: readonly CheckConstraint[],
  context: StatementContext,
): Promise<TableShape> {
  const [first] = columns;
  requireDistinct(
    columns.map(({ name }) => name),
    first?.offset ?? 0,
  );
  const schema = await columnTypes(columns, context);
  const plain = schemaToFields(schema, (position) => columns[position]?.nullable ?? true);
  const fields = plain.map((field, index) => {
    const column = columns[index];
    return column === undefined ? field : withRules(field, column);
  });
  for (const { default: preset, generated } of columns) {
    if (preset !== undefined) requirePlain(preset, 'default');
    if (generated !== undefined) requirePlain(generated, 'rule');
  }
  for (const column of columns) {
    if (column.default === undefined) continue;
    await bindInside(`SELECT (`, column.default, `)`, context);
  }
  let configuration: Readonly<Record<string, string>> = {};
  const all = [...columns.flatMap((column) => column.checks), ...checks];
  for (const [index, { name, condition }] of all.entries()) {
    requirePlain(condition, 'rule');
    await bindInside(`SELECT CAST((`, condition, `) AS BOOLEAN) FROM (${emptyRow(schema)})`, context);
    configuration = addCheck(configuration, name?.name ?? `check_${index + 1}`, condition.sql);
  }
  return { fields, configuration };
}

function withRules(field: DeltaField, column: ColumnDefinition): DeltaField {
  let result = field;
  if (column.default !== undefined) result = withDefault(result, column.default.sql);
  if (column.generated !== undefined) result = withGeneration(result, column.generated.sql);
  if (column.identity !== undefined) {
    const { always, start, step, offset } = column.identity;
    if (formatType(field.type) !== 'BIGINT') {
      throw new SkeinError(SqlState.datatypeMismatch, `the identity column ${field.name} must be a BIGINT`, {
        position: offset,
      });
    }
    result = withIdentity(result, { start, step, highWaterMark: undefined, allowExplicitInsert: !always });
  }
  return column.comment === undefined ? result : withComment(result, column.comment.text);
}

/** Types as DuckDB understands them; of a generated column without a type, that of its expression. */
async function columnTypes(columns: readonly ColumnDefinition[], context: StatementContext): Promise<Schema> {
  const types = new Map<string, Column>();
  for (const column of columns) {
    if (column.type === undefined) continue;
    const [bound] = await bindInside('SELECT CAST(NULL AS ', column.type, ')', context);
    if (bound !== undefined) types.set(column.name, { name: column.name, type: bound.type });
  }
  const known = columns.flatMap(({ name }) => types.get(name) ?? []);
  for (const column of columns) {
    if (column.generated === undefined) continue;
    const [bound] = await bindInside('SELECT (', column.generated, `) FROM (${emptyRow(known)})`, context);
    if (bound !== undefined && column.type === undefined) {
      types.set(column.name, { name: column.name, type: bound.type });
    }
  }
  return columns.map(({ name, offset }) => {
    const type = types.get(name);
    if (type !== undefined) return type;
    throw new SkeinError(SqlState.syntaxError, `the column ${name} needs a type`, { position: offset });
  });
}

const queryWords = new Set(['select', 'values', 'table', 'with', 'from']);
/** Functions that answer differently for the same row. */
const volatileCalls =
  /^(random|uuid|uuidv4|uuidv7|gen_random_uuid|nextval|currval|now|today|get_current_timestamp|get_current_time|transaction_timestamp|current_setting|version)$/;
/** The same without brackets. */
const volatileWords =
  /^(current_date|current_time|current_timestamp|localtime|localtimestamp|current_user|session_user)$/;

/**
 * What a table keeps is evaluated by every writer, wherever that is: it holds no query, and a rule about rows nothing that
 * changes its mind.
 * @throws SkeinError 0A000
 */
export function requirePlain({ sql, offset }: Span, what: 'default' | 'rule'): void {
  const tokens = tokenize(sql).filter(({ kind }) => kind !== 'comment');
  for (const [index, token] of tokens.entries()) {
    const word = token.kind === 'word' ? token.text.toLowerCase() : '';
    const before = tokens[index - 1]?.text;
    // EXTRACT(year FROM x) is no query: FROM stands at the beginning of one.
    if (queryWords.has(word) && (before === '(' || before === undefined)) {
      throw new SkeinError(
        SqlState.featureNotSupported,
        'an expression that a table keeps may hold no query',
        {
          position: offset + token.start,
        },
      );
    }
    const isCall = tokens[index + 1]?.text === '(' && volatileCalls.test(word);
    if (what === 'rule' && (isCall || volatileWords.test(word)) && before !== '.') {
      throw new SkeinError(
        SqlState.featureNotSupported,
        `a rule about the rows of a table must not depend on ${word}: it differs from time to time`,
        { position: offset + token.start },
      );
    }
  }
}

/** Binds a text around a piece of the user's: errors point into that. */
export function bindInside(
  before: string,
  { sql, offset }: { readonly sql: string; readonly offset: number },
  after: string,
  context: StatementContext,
): Promise<Schema> {
  return context.bindColumns({ sql: `${before}${sql}${after}`, offset: offset - before.length });
}

/** A relation of these columns, for expressions over a table's row. */
export function emptyRow(schema: Schema): string {
  const items = schema.map(
    ({ name, type }) => `CAST(NULL AS ${formatType(type)}) AS ${quoteIdentifier(name)}`,
  );
  return items.length === 0 ? 'SELECT 1' : `SELECT ${items.join(', ')}`;
}

/** Columns of a table made by a query: a column of NULLs becomes an INTEGER, as in DuckDB. */
export function queriedShape(schema: Schema): TableShape {
  const columns = schema.map(({ name, type }) =>
    type.kind === 'scalar' && type.name === 'NULL' ? { name, type: scalar('INTEGER') } : { name, type },
  );
  return { fields: schemaToFields(columns), configuration: {} };
}

/**
 * All that a new table's log says of it.
 * @throws SkeinError 22023 for a wrong property, 42703 for a column that is not there, 0A000 for what cannot be written
 */
export function defineTable(
  statement: Pick<CreateTableStatement, 'table' | 'partitionedBy' | 'properties' | 'comment'>,
  shape: TableShape,
  location: string,
  sharding: Sharding | undefined,
  { clock, random }: Pick<StatementContext, 'clock' | 'random'>,
): TableDefinition {
  const given = Object.fromEntries(statement.properties.map(({ name, value }) => [name, value.text]));
  const { properties, features } = splitFeatureRequests(validateProperties(given));
  const schema = fieldsToSchema(shape.fields);
  const partitionColumns = statement.partitionedBy.map((column) => {
    const found = schema[columnPosition(schema, column, statement.table.name)];
    if (found !== undefined && !canPartitionBy(found.type)) {
      const message = `a table cannot be partitioned by ${formatType(found.type)}`;
      throw new SkeinError(SqlState.featureNotSupported, message, { position: column.offset });
    }
    return found?.name ?? column.name;
  });
  if (partitionColumns.length > 0 && partitionColumns.length === schema.length) {
    throw new SkeinError(SqlState.syntaxError, 'a table cannot be partitioned by all of its columns', {
      position: statement.partitionedBy[0]?.offset ?? 0,
    });
  }
  const mode = deltaProperties(properties).columnMappingMode;
  const mapped =
    mode === 'none'
      ? { fields: shape.fields, maxId: 0 }
      : assignColumnMapping(shape.fields, 0, () => `col-${randomUuid(random)}`);
  const configuration = {
    ...shape.configuration,
    ...properties,
    ...(mode === 'none' ? {} : { 'delta.columnMapping.maxColumnId': String(mapped.maxId) }),
    ...(sharding === undefined ? {} : { [shardingProperty]: formatSharding(sharding, mapped.fields) }),
  };
  const needed = neededFeatures({ fields: mapped.fields, configuration }, features);
  const metadata: MetadataAction = {
    id: randomUuid(random),
    name: statement.table.name,
    ...(statement.comment === undefined ? {} : { description: statement.comment.text }),
    format: { provider: 'parquet', options: {} },
    schemaString: fieldsToSchemaString(mapped.fields),
    partitionColumns,
    configuration,
    createdTime: clock.now(),
  };
  return {
    location,
    fields: mapped.fields,
    schema,
    columnMapping: mode,
    metadata,
    protocol: lowestProtocol(needed),
    needed,
  };
}
