import type {
  MergeAction,
  MergeClause,
  MergeCondition,
  MergeSource,
  MergeStatement,
  Name,
  ObjectName,
  Span,
} from '../statement.ts';
import { type Cursor, comma, refuseRepeated, syntaxError, words } from './cursor.ts';
import { parseCell, takeReturning } from './insert.ts';
import { parseAssignments, takeAlias } from './update-delete.ts';

/** Ends what stands in front of a WHEN; the WHEN of a CASE never does. */
const nextWhen = words('WHEN', 'RETURNING');

/** `MERGE INTO t [[AS] a] USING source ON e WHEN ... [RETURNING ...]`, from MERGE on. */
export function parseMerge(cursor: Cursor, ctes: Span | undefined): MergeStatement {
  cursor.expect('MERGE', 'INTO');
  const table = cursor.objectName('the name of a table');
  const alias = takeAlias(cursor);
  if (!cursor.take('USING')) throw cursor.error([...(alias === undefined ? ['AS'] : []), 'USING']);
  const source = parseSource(cursor);
  const on = parseCondition(cursor);
  const clauses: MergeClause[] = [];
  while (cursor.at('WHEN')) clauses.push(parseClause(cursor, table, alias));
  if (clauses.length === 0) throw cursor.error(['WHEN']);
  const returning = takeReturning(cursor);
  cursor.end(...(returning === undefined ? ['WHEN', 'RETURNING'] : []));
  checkReachable(clauses);
  return { kind: 'merge', table, alias, with: ctes, source, on, clauses, returning };
}

/** `t [[AS] s [(cols)]]`, `(query) [AS] s`, `f(...) s`: one item of FROM. */
function parseSource(cursor: Cursor): MergeSource {
  const first = cursor.index;
  const whole = cursor.span('a table or a query in brackets', words('ON', 'USING'));
  const end = cursor.index;
  const alias = aliasIn(cursor, first, end);
  if (alias === undefined) return { relation: whole, alias: undefined, columns: [] };
  cursor.index = alias.at;
  const name = cursor.name('an alias');
  const columns = cursor.index < end ? cursor.nameList('the name of a column') : [];
  cursor.index = end;
  return { relation: cursor.slice(first, alias.relationEnd), alias: name, columns };
}

/** Where the alias of a FROM item stands, if it has one: the last name, or the last but for a list of columns. */
function aliasIn(
  cursor: Cursor,
  first: number,
  end: number,
): { at: number; relationEnd: number } | undefined {
  let at = end - 1;
  if (cursor.symbolAt(at, ')')) {
    let open = first;
    while (cursor.closing(open) !== at && open < at) open++;
    at = open - 1;
  }
  if (at <= first || !cursor.isAlias(at)) return undefined;
  if (cursor.wordsAt(at - 1, 'AS')) {
    // t VERSION AS OF 3 ends in no alias.
    return at - 1 > first && !cursor.wordsAt(at, 'OF') ? { at, relationEnd: at - 1 } : undefined;
  }
  return cursor.symbolAt(at - 1, ')') || isWholeName(cursor, first, at) ? { at, relationEnd: at } : undefined;
}

/** True where a name stands between `first` and `at`: what follows it is an alias; AT (...) is not. */
function isWholeName(cursor: Cursor, first: number, at: number): boolean {
  if (!cursor.isName(at - 1)) return false;
  for (let index = first; index < at - 1; index += 2) {
    if (!cursor.isName(index) || !cursor.symbolAt(index + 1, '.')) return false;
  }
  return true;
}

function parseCondition(cursor: Cursor): MergeCondition {
  if (cursor.oneOf('ON', 'USING') === 'ON') {
    return { kind: 'on', condition: cursor.span('a condition', nextWhen) };
  }
  const columns = cursor.nameList('the name of a column');
  refuseRepeated('column', columns);
  return { kind: 'using', columns };
}

function parseClause(cursor: Cursor, table: ObjectName, alias: Name | undefined): MergeClause {
  const { offset } = cursor;
  cursor.expect('WHEN');
  const when = parseWhen(cursor);
  const condition = cursor.take('AND') ? cursor.span('a condition', words('THEN', 'WHEN')) : undefined;
  if (!cursor.take('THEN')) throw cursor.error([...(condition === undefined ? ['AND'] : []), 'THEN']);
  const inserts = when === 'notMatchedByTarget';
  const verb = inserts ? cursor.oneOf('INSERT', 'DO') : cursor.oneOf('UPDATE', 'DELETE', 'DO');
  return { when, condition, action: parseAction(cursor, verb, when, table, alias), offset };
}

function parseWhen(cursor: Cursor): MergeClause['when'] {
  if (cursor.oneOf('MATCHED', 'NOT') === 'MATCHED') return 'matched';
  cursor.expect('MATCHED');
  if (!cursor.take('BY')) return 'notMatchedByTarget';
  return cursor.oneOf('TARGET', 'SOURCE') === 'TARGET' ? 'notMatchedByTarget' : 'notMatchedBySource';
}

function parseAction(
  cursor: Cursor,
  verb: 'INSERT' | 'UPDATE' | 'DELETE' | 'DO',
  when: MergeClause['when'],
  table: ObjectName,
  alias: Name | undefined,
): MergeAction {
  if (verb === 'DELETE') return { kind: 'delete' };
  if (verb === 'DO') {
    cursor.expect('NOTHING');
    return { kind: 'nothing' };
  }
  if (verb === 'INSERT') return parseInsertAction(cursor);
  const { offset } = cursor;
  if (takeAll(cursor)) {
    if (when === 'matched') return { kind: 'updateAll' };
    throw syntaxError('there is no row of the source to take the columns from', offset);
  }
  cursor.expect('SET');
  return { kind: 'update', assignments: parseAssignments(cursor, table, alias, nextWhen) };
}

/** `SET *`. */
function takeAll(cursor: Cursor): boolean {
  if (!cursor.at('SET') || !cursor.symbolAt(cursor.index + 1, '*')) return false;
  cursor.index += 2;
  return true;
}

/** `*`, `DEFAULT VALUES`, or `[(cols)] VALUES (...)`. */
function parseInsertAction(cursor: Cursor): MergeAction {
  if (cursor.takeSymbol('*')) return { kind: 'insertAll' };
  if (cursor.take('DEFAULT', 'VALUES')) return { kind: 'insertDefaults' };
  const columns = cursor.atSymbol('(') ? cursor.nameList('the name of a column') : [];
  refuseRepeated('column', columns);
  if (!cursor.take('VALUES')) {
    throw cursor.error([...(columns.length === 0 ? ['(', '*', 'DEFAULT VALUES'] : []), 'VALUES']);
  }
  const { offset } = cursor;
  const values = cursor.list(() => parseCell(cursor, comma));
  if (columns.length > 0 && columns.length !== values.length) {
    throw syntaxError(`${columns.length} columns are given ${values.length} values`, offset);
  }
  return { kind: 'insert', columns, values };
}

/** Behind a clause without a condition, another of its kind is never reached. */
function checkReachable(clauses: readonly MergeClause[]): void {
  const closed = new Set<MergeClause['when']>();
  for (const { when, condition, offset } of clauses) {
    if (closed.has(when)) {
      throw syntaxError(
        'this WHEN is never reached',
        offset,
        'one before it has no condition and takes every row',
      );
    }
    if (condition === undefined) closed.add(when);
  }
}
