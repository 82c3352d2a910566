import { SkeinError, SqlState } from '../../common/index.ts';
import { type AlterTableAction, type AlterTableStatement, type Name, tableNames } from '../../sql/index.ts';
import {
  addCheck,
  assignColumnMapping,
  changeTable as changeActions,
  type DeltaField,
  deltaProperties,
  dropCheck,
  fieldsToSchemaString,
  type MetadataAction,
  neededFeatures,
  randomUuid,
  splitFeatureRequests,
  validateProperties,
  withComment,
  withDefault,
} from '../../storage/index.ts';
import { quoteIdentifier } from '../../types/index.ts';
import { changeTable, type TableChange } from './commit-change.ts';
import { columnPosition, type DeltaTarget, openTarget } from './delta-target.ts';
import { noRows } from './results.ts';
import { reshard, rewriteColumn } from './rewrite-table.ts';
import type { StatementContext, StatementResult } from './statement-context.ts';
import { bindInside, definedShape, emptyRow, requirePlain } from './table-definition.ts';
import { targetRelation } from './target-relation.ts';

/** ALTER TABLE, but for RENAME TO. */
export async function alterTable(
  { table, ifExists, action }: AlterTableStatement,
  context: StatementContext,
): Promise<StatementResult> {
  let target: DeltaTarget;
  try {
    target = await openTarget(table, context);
  } catch (error) {
    if (ifExists && error instanceof SkeinError && error.sqlState === SqlState.undefinedTable) return noRows;
    throw error;
  }
  await changeTable(target, context, (current) => altered(current, action, context));
  return noRows;
}

async function altered(
  target: DeltaTarget,
  action: AlterTableAction,
  context: StatementContext,
): Promise<TableChange | undefined> {
  const { snapshot } = target;
  switch (action.kind) {
    case 'renameColumn':
      return renameColumn(target, action.column, action.to);
    case 'addColumn':
      return await addColumn(target, action, context);
    case 'dropColumn':
      return dropColumn(target, action);
    case 'setNotNull':
      return await setNotNull(target, action.column, context);
    case 'dropNotNull':
      return changeField(target, action.column, (field) => ({ ...field, nullable: true }), 'CHANGE COLUMN');
    case 'setType':
      return await rewriteColumn(target, action, context);
    case 'setDefault': {
      requirePlain(action.value, 'default');
      await bindInside('SELECT (', action.value, ')', context);
      return changeField(
        target,
        action.column,
        (field) => withDefault(field, action.value.sql),
        'CHANGE COLUMN',
      );
    }
    case 'dropDefault':
      return changeField(target, action.column, (field) => withDefault(field, undefined), 'CHANGE COLUMN');
    case 'commentColumn':
      return changeField(
        target,
        action.column,
        (field) => withComment(field, action.text?.text),
        'CHANGE COLUMN',
      );
    case 'addConstraint':
      return await addConstraint(target, action, context);
    case 'dropConstraint': {
      const { configuration } = snapshot.metadata;
      const key = `delta.constraints.${action.name.name.toLowerCase()}`;
      if (action.ifExists && !Object.keys(configuration).some((each) => each.toLowerCase() === key)) {
        return undefined;
      }
      const next = { ...snapshot.metadata, configuration: dropCheck(configuration, action.name.name) };
      return metadataChange(target, next, 'DROP CONSTRAINT', { name: action.name.name });
    }
    case 'setProperties':
      return setProperties(target, action.properties);
    case 'resetProperties': {
      const names = new Set(action.names.map(({ name }) => name.toLowerCase()));
      const configuration = Object.fromEntries(
        Object.entries(snapshot.metadata.configuration).filter(([key]) => !names.has(key.toLowerCase())),
      );
      const properties = JSON.stringify([...names]);
      return metadataChange(target, { ...snapshot.metadata, configuration }, 'UNSET TBLPROPERTIES', {
        properties,
      });
    }
    case 'reshard':
      return await reshard(target, action.sharding, context);
  }
}

/** A commit of new metadata, and of the protocol that they need. */
function metadataChange(
  { snapshot }: DeltaTarget,
  metadata: MetadataAction,
  operation: string,
  parameters: Readonly<Record<string, unknown>>,
  fields: readonly DeltaField[] = snapshot.fields,
  features: readonly string[] = [],
): TableChange {
  const needed = neededFeatures({ fields, configuration: metadata.configuration }, features);
  return {
    actions: changeActions(snapshot, metadata, needed),
    reads: { kind: 'nothing' },
    operation,
    parameters,
    written: [],
    rows: 0,
  };
}

/** A commit of another schema. */
function fieldsChange(
  target: DeltaTarget,
  fields: readonly DeltaField[],
  operation: string,
  parameters: Readonly<Record<string, unknown>>,
  changes: Partial<MetadataAction> = {},
): TableChange {
  const metadata = { ...target.snapshot.metadata, ...changes, schemaString: fieldsToSchemaString(fields) };
  return metadataChange(target, metadata, operation, parameters, fields);
}

function changeField(
  target: DeltaTarget,
  column: Name,
  change: (field: DeltaField) => DeltaField,
  operation: string,
): TableChange {
  const { snapshot, table } = target;
  const position = columnPosition(snapshot.schema, column, table.key);
  const fields = snapshot.fields.map((field, index) => (index === position ? change(field) : field));
  return fieldsChange(target, fields, operation, { column: column.name });
}

/** Names of columns are in the data files, unless the table maps them. @throws SkeinError 0A000 */
function requireMapping({ snapshot, table }: DeltaTarget, column: Name, what: string): void {
  if (snapshot.columnMapping !== 'none') return;
  throw new SkeinError(
    SqlState.featureNotSupported,
    `a column of ${table.key} can only be ${what} when the table maps column names`,
    {
      position: column.offset,
      hint: `ALTER TABLE ${table.name} SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name') turns that on, for good.`,
    },
  );
}

/** @throws SkeinError 2BP01 where an expression of the table names the column */
function requireUnused({ rules, table }: DeltaTarget, column: Name): void {
  const wanted = column.name.toLowerCase();
  const users = [
    ...rules.checks.map(({ name, sql }) => ({ what: `constraint ${name}`, sql })),
    ...rules.generated.map(({ column: other, sql }) => ({ what: `generated column ${other}`, sql })),
    ...rules.invariants.map(({ column: other, sql }) => ({ what: `invariant of column ${other}`, sql })),
  ];
  const user = users.find(({ sql }) => tableNames(sql).has(wanted));
  if (user === undefined) return;
  throw new SkeinError(
    SqlState.dependentObjects,
    `the ${user.what} of ${table.key} needs the column ${column.name}`,
    {
      position: column.offset,
    },
  );
}

function renameColumn(target: DeltaTarget, column: Name, to: Name): TableChange {
  const { snapshot, table } = target;
  requireMapping(target, column, 'renamed');
  requireUnused(target, column);
  const position = columnPosition(snapshot.schema, column, table.key);
  const old = snapshot.schema[position]?.name;
  const taken = snapshot.schema.some(
    ({ name }, index) => index !== position && name.toLowerCase() === to.name.toLowerCase(),
  );
  if (taken) {
    throw new SkeinError(SqlState.duplicateColumn, `${table.key} has a column ${to.name} already`, {
      position: to.offset,
    });
  }
  const fields = snapshot.fields.map((field, index) =>
    index === position ? { ...field, name: to.name } : field,
  );
  const partitionColumns = snapshot.metadata.partitionColumns.map((name) => (name === old ? to.name : name));
  return fieldsChange(
    target,
    fields,
    'RENAME COLUMN',
    { oldColumnPath: column.name, newColumnPath: to.name },
    { partitionColumns },
  );
}

async function addColumn(
  target: DeltaTarget,
  { column, ifNotExists }: Extract<AlterTableAction, { kind: 'addColumn' }>,
  context: StatementContext,
): Promise<TableChange | undefined> {
  const { snapshot, table } = target;
  if (snapshot.schema.some(({ name }) => name.toLowerCase() === column.name.toLowerCase())) {
    if (ifNotExists) return undefined;
    throw new SkeinError(SqlState.duplicateColumn, `${table.key} has a column ${column.name} already`, {
      position: column.offset,
    });
  }
  const fillsItself = column.generated !== undefined || column.identity !== undefined;
  if (fillsItself || column.default !== undefined || (!column.nullable && snapshot.files.length > 0)) {
    throw new SkeinError(
      SqlState.featureNotSupported,
      `rows that are there hold NULL in a new column: ${column.name} cannot be more than its type`,
      {
        position: column.offset,
        hint: 'Add the column, UPDATE it, then ALTER COLUMN ... SET DEFAULT or SET NOT NULL.',
      },
    );
  }
  const [field] = (await definedShape([column], [], context)).fields;
  if (field === undefined) throw new Error('a column definition gives a field');
  return withNewField(target, field, context);
}

function withNewField(target: DeltaTarget, field: DeltaField, { random }: StatementContext): TableChange {
  const { snapshot } = target;
  const all = [...snapshot.fields, field];
  if (snapshot.columnMapping === 'none') {
    return fieldsChange(target, all, 'ADD COLUMNS', { columns: JSON.stringify([{ column: field.name }]) });
  }
  const { configuration } = snapshot.metadata;
  const last = Number(configuration['delta.columnMapping.maxColumnId'] ?? 0);
  const mapped = assignColumnMapping(all, last, () => `col-${randomUuid(random)}`);
  return fieldsChange(
    target,
    mapped.fields,
    'ADD COLUMNS',
    { columns: JSON.stringify([{ column: field.name }]) },
    { configuration: { ...configuration, 'delta.columnMapping.maxColumnId': String(mapped.maxId) } },
  );
}

function dropColumn(
  target: DeltaTarget,
  { column, ifExists }: Extract<AlterTableAction, { kind: 'dropColumn' }>,
): TableChange | undefined {
  const { snapshot, table } = target;
  const there = snapshot.schema.some(({ name }) => name.toLowerCase() === column.name.toLowerCase());
  if (ifExists && !there) return undefined;
  const position = columnPosition(snapshot.schema, column, table.key);
  requireMapping(target, column, 'dropped');
  requireUnused(target, column);
  const name = snapshot.schema[position]?.name ?? '';
  const divides =
    snapshot.metadata.partitionColumns.includes(name) ||
    (snapshot.metadata.configuration['skein.sharding'] ?? '').includes(
      JSON.stringify(snapshot.fields[position]?.physicalName),
    );
  if (divides) {
    throw new SkeinError(SqlState.dependentObjects, `${table.key} is divided by the column ${name}`, {
      position: column.offset,
    });
  }
  const fields = snapshot.fields.filter((_, index) => index !== position);
  return fieldsChange(target, fields, 'DROP COLUMNS', { columns: JSON.stringify([name]) });
}

async function setNotNull(
  target: DeltaTarget,
  column: Name,
  context: StatementContext,
): Promise<TableChange> {
  const { snapshot, table } = target;
  const position = columnPosition(snapshot.schema, column, table.key);
  const name = quoteIdentifier(snapshot.schema[position]?.name ?? column.name);
  await requireRows(
    target,
    `${name} IS NOT NULL`,
    SqlState.notNullViolation,
    `NULLs in ${column.name}`,
    context,
  );
  const change = changeField(target, column, (field) => ({ ...field, nullable: false }), 'CHANGE COLUMN');
  // Rows that come in meanwhile may be NULL: then it is looked at again.
  return { ...change, reads: { kind: 'wholeTable' } };
}

async function addConstraint(
  target: DeltaTarget,
  { check }: Extract<AlterTableAction, { kind: 'addConstraint' }>,
  context: StatementContext,
): Promise<TableChange> {
  const { snapshot } = target;
  const { configuration } = snapshot.metadata;
  const name = check.name?.name ?? `check_${Object.keys(configuration).length + 1}`;
  const around = `) AS BOOLEAN) FROM (${emptyRow(snapshot.schema)})`;
  requirePlain(check.condition, 'rule');
  await bindInside('SELECT CAST((', check.condition, around, context);
  const next = addCheck(configuration, name, check.condition.sql);
  await requireRows(
    target,
    `(${check.condition.sql}) IS TRUE`,
    SqlState.checkViolation,
    `rows that violate ${check.condition.sql}`,
    context,
  );
  const change = metadataChange(target, { ...snapshot.metadata, configuration: next }, 'ADD CONSTRAINT', {
    name,
    expr: check.condition.sql,
  });
  return { ...change, reads: { kind: 'wholeTable' } };
}

/** @throws SkeinError of this state where some row does not satisfy the condition */
async function requireRows(
  target: DeltaTarget,
  condition: string,
  sqlState: string,
  what: string,
  context: StatementContext,
): Promise<void> {
  const { from, tables } = targetRelation(target, undefined);
  const { rows } = await context.runRows({
    sql: `SELECT count(*) FROM ${from} WHERE NOT coalesce((${condition}), false)`,
    offset: undefined,
    tables,
  });
  const count = Number(rows[0]?.[0] ?? 0);
  if (count > 0) throw new SkeinError(sqlState, `${target.table.key} has ${count} ${what}`);
}

function setProperties(
  target: DeltaTarget,
  properties: readonly { readonly name: string; readonly value: { readonly text: string } }[],
): TableChange {
  const { snapshot } = target;
  const given = Object.fromEntries(properties.map(({ name, value }) => [name, value.text]));
  const split = splitFeatureRequests(validateProperties(given));
  const configuration = { ...snapshot.metadata.configuration, ...split.properties };
  const parameters = { properties: JSON.stringify(given) };
  const mode = deltaProperties(configuration).columnMappingMode;
  if (mode === snapshot.columnMapping) {
    const metadata = { ...snapshot.metadata, configuration };
    return metadataChange(target, metadata, 'SET TBLPROPERTIES', parameters, snapshot.fields, split.features);
  }
  if (snapshot.columnMapping !== 'none' || mode !== 'name') {
    throw new SkeinError(
      SqlState.featureNotSupported,
      `the column mapping of a table cannot be changed from ${snapshot.columnMapping} to ${mode}`,
    );
  }
  const mapped = assignColumnMapping(snapshot.fields, 0, undefined);
  const metadata = {
    ...snapshot.metadata,
    schemaString: fieldsToSchemaString(mapped.fields),
    configuration: { ...configuration, 'delta.columnMapping.maxColumnId': String(mapped.maxId) },
  };
  return metadataChange(target, metadata, 'SET TBLPROPERTIES', parameters, mapped.fields, split.features);
}
