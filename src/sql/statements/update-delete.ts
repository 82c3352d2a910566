import type { Assignment, DeleteStatement, Name, ObjectName, Span, UpdateStatement } from '../statement.ts';
import {
  anyOf,
  type Cursor,
  comma,
  refuseRepeated,
  type Stop,
  syntaxError,
  unsupported,
  words,
} from './cursor.ts';
import { parseCell, takeReturning } from './insert.ts';

/** The FROM of IS DISTINCT FROM begins no clause. */
const fromClause: Stop = (cursor, index, first) =>
  words('FROM')(cursor, index, first) && !(index > first && cursor.wordsAt(index - 1, 'DISTINCT'));
const tail = words('WHERE', 'RETURNING');

/** `UPDATE t [[AS] a] SET ... [FROM ...] [WHERE ...] [RETURNING ...]`, from UPDATE on. */
export function parseUpdate(cursor: Cursor, ctes: Span | undefined): UpdateStatement {
  cursor.expect('UPDATE');
  const table = cursor.objectName('the name of a table');
  const alias = takeAlias(cursor, 'SET');
  if (!cursor.take('SET')) throw cursor.error([...(alias === undefined ? ['AS'] : []), 'SET']);
  const assignments = parseAssignments(cursor, table, alias, anyOf(fromClause, tail));
  const from = cursor.take('FROM') ? cursor.span('a table', tail) : undefined;
  const where = cursor.take('WHERE') ? cursor.span('a condition', words('RETURNING')) : undefined;
  const returning = takeReturning(cursor);
  cursor.end(...remaining({ FROM: from ?? where, WHERE: where, RETURNING: returning }));
  return { kind: 'update', table, alias, with: ctes, assignments, from, where, returning };
}

/** `DELETE FROM t [[AS] a] [USING ...] [WHERE ...] [RETURNING ...]`, from DELETE on. */
export function parseDelete(cursor: Cursor, ctes: Span | undefined): DeleteStatement {
  cursor.expect('DELETE', 'FROM');
  const table = cursor.objectName('the name of a table');
  const alias = takeAlias(cursor);
  const using = cursor.take('USING') ? cursor.span('a table', tail) : undefined;
  const where = cursor.take('WHERE') ? cursor.span('a condition', words('RETURNING')) : undefined;
  const returning = takeReturning(cursor);
  cursor.end(...remaining({ USING: using ?? where, WHERE: where, RETURNING: returning }));
  return { kind: 'delete', table, alias, with: ctes, using, where, returning };
}

function remaining(clauses: Readonly<Record<string, Span | undefined>>): readonly string[] {
  return Object.entries(clauses).flatMap(([word, span]) => (span === undefined ? [word] : []));
}

/** `[AS] name`; `next` is a word that is no alias here. */
export function takeAlias(cursor: Cursor, ...next: readonly string[]): Name | undefined {
  if (cursor.take('AS')) return cursor.name('an alias');
  if (!cursor.isAlias(cursor.index) || next.some((word) => cursor.at(word))) return undefined;
  return cursor.name('an alias');
}

/** `column = e, (a, b) = (e, f), ...`; a column may be qualified by the table's name or alias. */
export function parseAssignments(
  cursor: Cursor,
  table: ObjectName,
  alias: Name | undefined,
  stop: Stop,
): readonly Assignment[] {
  const assignments: Assignment[] = [];
  do {
    if (cursor.atSymbol('(')) assignments.push(...parseTuple(cursor, table, alias));
    else {
      const column = assignedColumn(cursor, table, alias);
      cursor.expectSymbol('=');
      assignments.push({ column, value: parseCell(cursor, anyOf(comma, stop)) });
    }
  } while (cursor.takeSymbol(','));
  refuseRepeated(
    'column',
    assignments.map(({ column }) => column),
  );
  return assignments;
}

function parseTuple(cursor: Cursor, table: ObjectName, alias: Name | undefined): readonly Assignment[] {
  const columns = cursor.list(() => assignedColumn(cursor, table, alias));
  cursor.expectSymbol('=');
  const { offset } = cursor;
  cursor.take('ROW');
  if (cursor.wordsAt(cursor.index + 1, 'SELECT') || cursor.wordsAt(cursor.index + 1, 'FROM')) {
    throw unsupported(
      'several columns cannot be set from one subquery',
      offset,
      'join it: UPDATE ... SET a = s.a, b = s.b FROM (...) s WHERE ...',
    );
  }
  const values = cursor.list(() => parseCell(cursor, comma));
  if (values.length !== columns.length) {
    throw syntaxError(`${columns.length} columns are set to ${values.length} values`, offset);
  }
  return columns.flatMap((column, index) => {
    const value = values[index];
    return value === undefined ? [] : [{ column, value }];
  });
}

function assignedColumn(cursor: Cursor, table: ObjectName, alias: Name | undefined): Name {
  const names = cursor.names('the name of a column', 4);
  const [first, ...rest] = names;
  const own = (alias ?? table).name.toLowerCase();
  const [column, field] = rest.length > 0 && first.name.toLowerCase() === own ? rest : names;
  if (column === undefined) throw cursor.error('the name of a column');
  if (field !== undefined) {
    throw unsupported(
      `the field ${field.name} cannot be set alone`,
      column.offset,
      `set all of ${column.name}: ${column.name} = struct_update(${column.name}, ${field.name} := ...)`,
    );
  }
  return column;
}
