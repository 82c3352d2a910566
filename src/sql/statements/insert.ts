import type { Cell, InsertSource, InsertStatement, Span } from '../statement.ts';
import { type Cursor, comma, refuseRepeated, type Stop, syntaxError, unsupported, words } from './cursor.ts';

const returning = words('RETURNING');
const onConflict: Stop = (cursor, index, first) =>
  index > first &&
  cursor.wordsAt(index, 'ON', 'CONFLICT') &&
  (cursor.symbolAt(index + 2, '(') || cursor.wordsAt(index + 2, 'DO') || cursor.wordsAt(index + 2, 'ON'));
const endOfSource: Stop = (cursor, index, first) =>
  returning(cursor, index, first) || onConflict(cursor, index, first);

/**
 * `INSERT INTO | OVERWRITE [TABLE] t [(cols)] [BY NAME | BY POSITION] query | VALUES ... | DEFAULT VALUES
 * [RETURNING ...]`, from INSERT on.
 */
export function parseInsert(cursor: Cursor, ctes: Span | undefined): InsertStatement {
  cursor.expect('INSERT');
  if (cursor.at('OR')) {
    throw unsupported('tables have no keys that rows could conflict on', cursor.offset, 'use MERGE INTO');
  }
  const overwrite = cursor.oneOf('INTO', 'OVERWRITE') === 'OVERWRITE';
  cursor.take('TABLE');
  const table = cursor.objectName('the name of a table');
  if (cursor.at('PARTITION')) {
    throw unsupported(
      'rows find their partitions by themselves',
      cursor.offset,
      'give the partition columns like the others',
    );
  }
  const columns = isColumnList(cursor) ? cursor.nameList('the name of a column') : [];
  refuseRepeated('column', columns);
  const matchBy = takeMatchBy(cursor, columns.length > 0);
  const source = parseSource(cursor);
  if (cursor.at('ON', 'CONFLICT')) {
    throw unsupported('tables have no keys that rows could conflict on', cursor.offset, 'use MERGE INTO');
  }
  const selected = takeReturning(cursor);
  cursor.end(...(selected === undefined ? ['RETURNING'] : []));
  return { kind: 'insert', table, overwrite, columns, matchBy, with: ctes, source, returning: selected };
}

/** A bracket here opens a list of columns unless a query begins in it. */
function isColumnList(cursor: Cursor): boolean {
  if (!cursor.atSymbol('(')) return false;
  const next = cursor.index + 1;
  const beginsQuery = ['SELECT', 'WITH', 'FROM', 'VALUES', 'TABLE', 'PIVOT', 'UNPIVOT', 'DESCRIBE', 'SHOW'];
  // `(values, x)` are columns: VALUES is no reserved word.
  if (cursor.wordsAt(next, 'VALUES') && !cursor.symbolAt(next + 1, '(')) return true;
  return !cursor.symbolAt(next, '(') && !beginsQuery.some((word) => cursor.wordsAt(next, word));
}

function takeMatchBy(cursor: Cursor, hasColumns: boolean): InsertStatement['matchBy'] {
  const { offset } = cursor;
  if (!cursor.take('BY')) return 'position';
  const matchBy = cursor.oneOf('NAME', 'POSITION') === 'NAME' ? 'name' : 'position';
  if (matchBy === 'name' && hasColumns) {
    throw syntaxError('a list of columns and BY NAME exclude each other', offset);
  }
  return matchBy;
}

function parseSource(cursor: Cursor): InsertSource {
  if (cursor.take('DEFAULT')) {
    cursor.expect('VALUES');
    return { kind: 'defaults' };
  }
  const start = cursor.index;
  if (cursor.at('VALUES') && cursor.symbolAt(start + 1, '(')) {
    const rows = valueRows(cursor);
    if (cursor.atEnd || endOfSource(cursor, cursor.index, start)) {
      checkRows(rows);
      return {
        kind: 'values',
        rows: rows.map(({ cells }) => cells),
        query: cursor.slice(start, cursor.index),
      };
    }
    cursor.index = start;
  }
  if (!beginsQuery(cursor)) {
    throw cursor.error(['VALUES', 'SELECT', 'FROM', 'WITH', 'DEFAULT VALUES', 'BY NAME', '(']);
  }
  return { kind: 'query', query: cursor.span('a query', endOfSource) };
}

function beginsQuery(cursor: Cursor): boolean {
  if (cursor.atSymbol('(')) return true;
  const starts = [
    'SELECT',
    'FROM',
    'WITH',
    'VALUES',
    'TABLE',
    'PIVOT',
    'UNPIVOT',
    'DESCRIBE',
    'SHOW',
    'SUMMARIZE',
  ];
  return starts.some((word) => cursor.at(word));
}

interface ValueRow {
  readonly cells: readonly Cell[];
  readonly offset: number;
}

function valueRows(cursor: Cursor): readonly ValueRow[] {
  cursor.expect('VALUES');
  const rows: ValueRow[] = [];
  do {
    const { offset } = cursor;
    rows.push({ cells: cursor.list(() => parseCell(cursor, comma)), offset });
  } while (cursor.takeSymbol(','));
  return rows;
}

function checkRows(rows: readonly ValueRow[]): void {
  const count = rows[0]?.cells.length ?? 0;
  const other = rows.find(({ cells }) => cells.length !== count);
  if (other === undefined) return;
  throw syntaxError(
    `VALUES has a row of ${other.cells.length} values after rows of ${count}`,
    other.offset,
    'all rows need one count of values',
  );
}

/** An expression up to `stop`, or DEFAULT. */
export function parseCell(cursor: Cursor, stop: Stop): Cell {
  const { offset } = cursor;
  if (cursor.take('DEFAULT')) return { kind: 'default', offset };
  return { kind: 'expression', expression: cursor.span('an expression', stop) };
}

/** `[RETURNING ...]`, to the end. */
export function takeReturning(cursor: Cursor): Span | undefined {
  return cursor.take('RETURNING') ? cursor.span('a list of expressions', () => false) : undefined;
}
