import type { CreateSchemaStatement, CreateViewStatement, IfExists, Name, Statement } from '../statement.ts';
import { parseCreateTable } from './create-table.ts';
import { type Cursor, syntaxError, unsupported } from './cursor.ts';
import { takeComment } from './table-clauses.ts';

const others = [
  'TEMP',
  'TEMPORARY',
  'LOCAL',
  'GLOBAL',
  'UNLOGGED',
  'PERSISTENT',
  'RECURSIVE',
  'MATERIALIZED',
  'UNIQUE',
  'INDEX',
  'SEQUENCE',
  'TYPE',
  'MACRO',
  'FUNCTION',
  'SECRET',
  'DATABASE',
  'TRIGGER',
  'ROLE',
  'USER',
] as const;

/** `CREATE [OR REPLACE] SCHEMA | VIEW | [EXTERNAL] TABLE ...`, from CREATE on. */
export function parseCreate(cursor: Cursor): Statement {
  cursor.expect('CREATE');
  const replaceAt = cursor.offset;
  const replace = cursor.take('OR', 'REPLACE');
  const other = others.find((word) => cursor.at(word));
  if (other !== undefined) {
    throw unsupported(`Skein has no CREATE ${other}`, cursor.offset, 'it creates tables, views and schemas');
  }
  const external = cursor.take('EXTERNAL');
  if (external) cursor.expect('TABLE');
  const object = external ? 'TABLE' : cursor.oneOf('TABLE', 'VIEW', 'SCHEMA', 'EXTERNAL');
  const ifNotExists = cursor.takeIfNotExists();
  if (replace && ifNotExists) {
    throw syntaxError('OR REPLACE and IF NOT EXISTS exclude each other', replaceAt);
  }
  const ifExists: IfExists = replace ? 'replace' : ifNotExists ? 'keep' : 'fail';
  if (object === 'VIEW') return parseCreateView(cursor, ifExists);
  if (object !== 'SCHEMA') return parseCreateTable(cursor, ifExists, external);
  if (ifExists === 'replace') throw unsupported('a schema cannot be replaced', replaceAt);
  return parseCreateSchema(cursor, ifExists);
}

function parseCreateSchema(cursor: Cursor, ifExists: 'fail' | 'keep'): CreateSchemaStatement {
  const schema = cursor.name('the name of a schema');
  const comment = takeComment(cursor);
  cursor.end(...(comment === undefined ? ['COMMENT'] : []));
  return { kind: 'createSchema', schema, ifExists, comment };
}

function parseCreateView(cursor: Cursor, ifExists: IfExists): CreateViewStatement {
  const view = cursor.objectName('the name of a view');
  const columns: readonly Name[] = cursor.atSymbol('(') ? cursor.nameList('the name of a column') : [];
  const comment = takeComment(cursor);
  if (!cursor.take('AS')) {
    throw cursor.error([
      ...(columns.length === 0 ? ['('] : []),
      ...(comment === undefined ? ['COMMENT'] : []),
      'AS',
    ]);
  }
  const query = cursor.span('a query', () => false);
  cursor.end();
  return { kind: 'createView', view, ifExists, columns, query, comment };
}
