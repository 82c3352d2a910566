import type { AlterTableAction, RenameStatement, Span, Statement, Text } from '../statement.ts';
import { endOfType, parseCheck, parseColumnDefinition, refuseKeys } from './column-definition.ts';
import { anyOf, type Cursor, comma, toObjectName, unsupported, words } from './cursor.ts';
import { properties, propertyName, shardingClause } from './table-clauses.ts';

/** `ALTER TABLE | VIEW | SCHEMA ...`, from ALTER on. */
export function parseAlter(cursor: Cursor): Statement {
  cursor.expect('ALTER');
  const object = cursor.oneOf('TABLE', 'VIEW', 'SCHEMA');
  const ifExists = cursor.takeIfExists();
  if (object !== 'TABLE') {
    const kind = object === 'VIEW' ? 'view' : 'schema';
    const names = cursor.names(`the name of a ${kind}`, kind === 'view' ? 3 : 2);
    return parseRename(cursor, kind, toObjectName(names), ifExists, ['RENAME TO']);
  }
  const table = cursor.objectName('the name of a table');
  if (cursor.at('RENAME', 'TO')) return parseRename(cursor, 'table', table, ifExists, []);
  const action = parseAction(cursor);
  if (cursor.atSymbol(',')) {
    throw unsupported('ALTER TABLE does one thing at a time', cursor.offset, 'send a statement for each');
  }
  cursor.end();
  return { kind: 'alterTable', table, ifExists, action };
}

function parseRename(
  cursor: Cursor,
  object: RenameStatement['object'],
  name: RenameStatement['name'],
  ifExists: boolean,
  expected: readonly string[],
): RenameStatement {
  if (!cursor.take('RENAME', 'TO')) throw cursor.error(expected);
  const to = cursor.name('a name without a schema');
  if (cursor.atSymbol('.')) throw unsupported(`a ${object} cannot move to another schema`, to.offset);
  cursor.end();
  return { kind: 'rename', object, name, to, ifExists };
}

function parseAction(cursor: Cursor): AlterTableAction {
  const { offset } = cursor;
  switch (
    cursor.oneOf('ADD', 'DROP', 'ALTER', 'RENAME', 'SET', 'RESET', 'UNSET', 'RESHARD', 'CHANGE', 'REPLACE')
  ) {
    case 'ADD':
      return parseAdd(cursor);
    case 'DROP':
      return parseDrop(cursor);
    case 'ALTER':
      cursor.take('COLUMN');
      return parseAlterColumn(cursor);
    case 'RENAME': {
      cursor.take('COLUMN');
      const column = cursor.name('the name of a column');
      cursor.expect('TO');
      return { kind: 'renameColumn', column, to: cursor.name('a name') };
    }
    case 'SET':
      return parseSet(cursor);
    case 'RESET':
    case 'UNSET':
      cursor.take('TBLPROPERTIES');
      cursor.takeIfExists();
      return { kind: 'resetProperties', names: cursor.list(() => propertyName(cursor)) };
    case 'RESHARD':
      cursor.expect('BY');
      if (cursor.take('NONE')) return { kind: 'reshard', sharding: undefined };
      return { kind: 'reshard', sharding: shardingClause(cursor, 'NONE') };
    case 'CHANGE':
    case 'REPLACE':
      throw unsupported(
        'columns are not changed that way',
        offset,
        'use ALTER COLUMN, ADD COLUMN and DROP COLUMN',
      );
  }
}

function parseAdd(cursor: Cursor): AlterTableAction {
  refuseKeys(cursor);
  if (cursor.at('CONSTRAINT') || cursor.at('CHECK'))
    return { kind: 'addConstraint', check: parseCheck(cursor) };
  if (cursor.at('COLUMNS')) {
    throw unsupported('ALTER TABLE adds one column at a time', cursor.offset, 'use ADD COLUMN');
  }
  cursor.take('COLUMN');
  const ifNotExists = cursor.takeIfNotExists();
  const column = parseColumnDefinition(cursor);
  if (column.type === undefined && column.generated === undefined) throw cursor.error('a type');
  return { kind: 'addColumn', column, ifNotExists };
}

function parseDrop(cursor: Cursor): AlterTableAction {
  if (cursor.take('CONSTRAINT')) {
    const ifExists = cursor.takeIfExists();
    const name = cursor.name('the name of a constraint');
    takeCascade(cursor);
    return { kind: 'dropConstraint', name, ifExists };
  }
  cursor.take('COLUMN');
  const ifExists = cursor.takeIfExists();
  const column = cursor.name('the name of a column');
  return { kind: 'dropColumn', column, ifExists, cascade: takeCascade(cursor) };
}

/** `[CASCADE | RESTRICT]`. */
export function takeCascade(cursor: Cursor): boolean {
  if (cursor.take('CASCADE')) return true;
  cursor.take('RESTRICT');
  return false;
}

function parseSet(cursor: Cursor): AlterTableAction {
  const { offset } = cursor;
  const place = ['PARTITIONED', 'SHARDED', 'LOCATION', 'SCHEMA'].find((word) => cursor.at(word));
  if (place === 'SHARDED') {
    throw unsupported('shards are not set that way', offset, 'use ALTER TABLE ... RESHARD BY ...');
  }
  if (place !== undefined) {
    const what = place === 'PARTITIONED' ? 'partition columns' : place.toLowerCase();
    throw unsupported(
      `the ${what} of a table cannot change`,
      offset,
      'use CREATE OR REPLACE TABLE t ... AS FROM t',
    );
  }
  if (!cursor.take('TBLPROPERTIES') && !cursor.atSymbol('(')) throw cursor.error(['TBLPROPERTIES', '(']);
  return { kind: 'setProperties', properties: properties(cursor) };
}

function parseAlterColumn(cursor: Cursor): AlterTableAction {
  const column = cursor.name('the name of a column');
  const verb = cursor.oneOf('SET', 'DROP', 'TYPE', 'COMMENT');
  if (verb === 'COMMENT') return { kind: 'commentColumn', column, text: textOrNull(cursor) };
  if (verb === 'DROP') {
    if (cursor.take('DEFAULT')) return { kind: 'dropDefault', column };
    if (!cursor.take('NOT', 'NULL')) throw cursor.error(['NOT NULL', 'DEFAULT']);
    return { kind: 'dropNotNull', column };
  }
  if (verb === 'SET') {
    if (cursor.take('NOT', 'NULL')) return { kind: 'setNotNull', column };
    if (cursor.take('DEFAULT'))
      return { kind: 'setDefault', column, value: cursor.span('an expression', comma) };
    if (!cursor.take('DATA', 'TYPE') && !cursor.take('TYPE')) {
      throw cursor.error(['NOT NULL', 'DEFAULT', 'DATA TYPE']);
    }
  }
  const type = cursor.span('a type', anyOf(endOfType, words('USING')));
  const using: Span | undefined = cursor.take('USING') ? cursor.span('an expression', comma) : undefined;
  return { kind: 'setType', column, type, using };
}

/** `'text'`, or NULL: none. */
export function textOrNull(cursor: Cursor): Text | undefined {
  return cursor.take('NULL') ? undefined : cursor.text('a text in quotes, or NULL');
}
