import type { CommentStatement, DropStatement, TruncateStatement } from '../statement.ts';
import { takeCascade, textOrNull } from './alter.ts';
import { type Cursor, syntaxError, toObjectName, unsupported } from './cursor.ts';

const objects = { TABLE: 'table', VIEW: 'view', SCHEMA: 'schema' } as const;
const others = ['INDEX', 'SEQUENCE', 'TYPE', 'MACRO', 'FUNCTION', 'SECRET', 'DATABASE', 'TRIGGER'] as const;

/** `DROP TABLE | VIEW | SCHEMA [IF EXISTS] name [CASCADE | RESTRICT]`. */
export function parseDropStatement(cursor: Cursor): DropStatement {
  cursor.expect('DROP');
  const other = others.find((word) => cursor.at(word));
  if (other !== undefined) throw unsupported(`Skein has no DROP ${other}`, cursor.offset);
  const object = objects[cursor.oneOf('TABLE', 'VIEW', 'SCHEMA')];
  const ifExists = cursor.takeIfExists();
  const name = toObjectName(cursor.names(`the name of a ${object}`, object === 'schema' ? 2 : 3));
  if (cursor.atSymbol(',')) {
    throw unsupported(`DROP takes one ${object} at a time`, cursor.offset, 'send a statement for each');
  }
  const { index } = cursor;
  const cascade = takeCascade(cursor);
  cursor.end(...(cursor.index === index ? ['CASCADE', 'RESTRICT'] : []));
  return { kind: 'drop', object, name, ifExists, cascade };
}

/** `COMMENT ON TABLE | VIEW | SCHEMA | COLUMN name IS 'text' | NULL`. */
export function parseCommentStatement(cursor: Cursor): CommentStatement {
  cursor.expect('COMMENT', 'ON');
  const on = cursor.oneOf('TABLE', 'VIEW', 'SCHEMA', 'COLUMN');
  if (on === 'COLUMN') {
    const [first, ...rest] = cursor.names('the name of a column', 4);
    const column = rest.pop();
    if (column === undefined) {
      throw syntaxError('the column lacks its table', first.offset, 'write table.column');
    }
    const name = toObjectName([first, ...rest]);
    return { kind: 'comment', on: 'column', name, column, text: isText(cursor) };
  }
  const object = objects[on];
  const name = toObjectName(cursor.names(`the name of a ${object}`, object === 'schema' ? 2 : 3));
  return { kind: 'comment', on: object, name, column: undefined, text: isText(cursor) };
}

function isText(cursor: Cursor): CommentStatement['text'] {
  cursor.expect('IS');
  const text = textOrNull(cursor);
  cursor.end();
  return text;
}

/** `TRUNCATE [TABLE] name`. */
export function parseTruncate(cursor: Cursor): TruncateStatement {
  cursor.expect('TRUNCATE');
  cursor.take('TABLE');
  const table = cursor.objectName('the name of a table');
  cursor.end();
  return { kind: 'truncate', table };
}
