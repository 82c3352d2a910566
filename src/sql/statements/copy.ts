import type { CopyFromStatement, CopyOption, CopyOptionValue, CopyToStatement, Text } from '../statement.ts';
import { type Cursor, comma, refuseRepeated, unsupported } from './cursor.ts';

/** `COPY t [(cols)] FROM 'path' [(options)]`, `COPY t [(cols)] | (query) TO 'path' [(options)]`, from COPY on. */
export function parseCopy(cursor: Cursor): CopyFromStatement | CopyToStatement {
  cursor.expect('COPY');
  if (cursor.atSymbol('(')) {
    const query = cursor.bracketed('a query');
    cursor.expect('TO');
    const path = parsePath(cursor);
    return { kind: 'copyTo', source: { kind: 'query', query }, path, options: parseOptions(cursor) };
  }
  if (cursor.at('FROM', 'DATABASE')) throw unsupported('Skein has no COPY FROM DATABASE', cursor.offset);
  const table = cursor.objectName('the name of a table, or a query in brackets');
  const columns = cursor.atSymbol('(') ? cursor.nameList('the name of a column') : [];
  refuseRepeated('column', columns);
  const direction = cursor.oneOf('FROM', 'TO');
  const path = parsePath(cursor);
  const options = parseOptions(cursor);
  if (direction === 'FROM') return { kind: 'copyFrom', table, columns, path, options };
  return { kind: 'copyTo', source: { kind: 'table', table, columns }, path, options };
}

function parsePath(cursor: Cursor): Text {
  const stream = (['STDIN', 'STDOUT', 'PROGRAM'] as const).find((word) => cursor.at(word));
  if (stream !== undefined) {
    throw unsupported(`COPY cannot use ${stream}`, cursor.offset, 'give a path in quotes');
  }
  return cursor.text('a path in quotes');
}

/** `[WITH] (FORMAT csv, HEADER, DELIMITER '|', PARTITION_BY (a, b), ...)`, to the end. */
function parseOptions(cursor: Cursor): readonly CopyOption[] {
  if (cursor.atEnd) return [];
  cursor.take('WITH');
  if (!cursor.atSymbol('(')) throw cursor.error('options in brackets, as in (FORMAT csv, HEADER)');
  const options = cursor.list((): CopyOption => {
    // Options have names like NULL and FORMAT.
    const token = cursor.peek();
    if (token?.kind !== 'word') throw cursor.error('the name of an option');
    cursor.index++;
    return { name: token.text.toLowerCase(), offset: token.start, value: optionValue(cursor) };
  });
  cursor.end();
  refuseRepeated('option', options);
  return options;
}

function optionValue(cursor: Cursor): CopyOptionValue {
  const { offset } = cursor;
  if (!cursor.takeSymbol('=>')) cursor.takeSymbol('=');
  if (cursor.atSymbol(',') || cursor.atSymbol(')')) return { kind: 'flag' };
  if (cursor.takeSymbol('*')) return { kind: 'list', items: ['*'], offset };
  if (cursor.atSymbol('{') || cursor.atSymbol('[')) {
    return { kind: 'literal', literal: cursor.span('a value', comma) };
  }
  if (cursor.atSymbol('(') && !cursor.symbolAt(cursor.index + 1, '-')) {
    return { kind: 'list', items: cursor.list(() => listItem(cursor)), offset };
  }
  return { kind: 'text', ...cursor.literal('a string, a number or a word') };
}

function listItem(cursor: Cursor): string {
  return cursor.peek()?.kind === 'quoted' ? cursor.name('a name').name : cursor.literal('a name').text;
}
