import type { Name, ObjectName, Span, VersionAt } from './statement.ts';
import { Cursor, comma, toObjectName } from './statements/cursor.ts';
import { decodeString } from './statements/decode-string.ts';
import { splitOperators } from './statements/split-operators.ts';
import { takeVersionAt } from './statements/table-clauses.ts';
import { isWord, type Token, tokenize } from './tokenize.ts';

/** Where a query reads a table as of another time. Spans do not overlap. */
export type TimeTravel = TableAt | TableChanges;

/** `t [[AS] a] AT (VERSION => n) [[AS] a]`, `t VERSION AS OF n`, and the same with TIMESTAMP. */
export interface TableAt {
  readonly kind: 'at';
  readonly table: ObjectName;
  /** The table's name, qualified as it stands there. */
  readonly tableSpan: Span;
  /** From AT, VERSION or TIMESTAMP on: to be taken out. */
  readonly clause: Span;
  readonly at: VersionAt;
  /** What the query calls it; undefined: by its own name, which a relation in its place must be given. */
  readonly alias: Name | undefined;
}

/** `table_changes('t', from [, to])`. */
export interface TableChanges {
  readonly kind: 'changes';
  readonly table: ObjectName;
  /** The whole call. */
  readonly call: Span;
  readonly from: VersionAt;
  /** Undefined: the latest version. */
  readonly to: VersionAt | undefined;
  readonly alias: Name | undefined;
}

/**
 * Finds the uses of other versions in a query, in order, by its tokens: whatever is in strings, comments or quotes is
 * none, nor is AT TIME ZONE or a column that is called version.
 * @throws SkeinError 42601 on a clause that is begun and not ended well; 22023 on a version that is out of range
 */
export function findTimeTravel(sql: string): readonly TimeTravel[] {
  const tokens = tokenize(sql).filter((token) => token.kind !== 'comment');
  if (!tokens.some((_, index) => mayBegin(tokens, index))) return [];
  const cursor = new Cursor(sql, splitOperators(tokens));
  const found: TimeTravel[] = [];
  while (!cursor.atEnd) {
    const use = takeChanges(cursor) ?? takeAt(cursor);
    if (use === undefined) cursor.index++;
    else found.push(use);
  }
  return found;
}

function mayBegin(tokens: readonly Token[], index: number): boolean {
  const token = tokens[index];
  const next = tokens[index + 1];
  if (token?.kind !== 'word' || next === undefined) return false;
  if (isWord(token, 'AT') || isWord(token, 'TABLE_CHANGES')) return next.text === '(';
  return (isWord(token, 'VERSION') || isWord(token, 'TIMESTAMP')) && isWord(next, 'AS');
}

/** The clause at the cursor, if it is one and stands behind a table. */
function takeAt(cursor: Cursor): TableAt | undefined {
  const start = cursor.index;
  if (!isClause(cursor)) return undefined;
  const target = tableBefore(cursor, start);
  if (target === undefined) return undefined;
  const at = cursor.at('AT') ? takeVersionAt(cursor) : takeAsOf(cursor);
  if (at === undefined) return undefined;
  const clause = cursor.slice(start, cursor.index);
  const alias = target.alias ?? peekAlias(cursor);
  const { index } = cursor;
  cursor.index = target.first;
  const table = toObjectName(cursor.names('the name of a table', 3));
  const tableSpan = cursor.slice(target.first, cursor.index);
  cursor.index = index;
  return { kind: 'at', table, tableSpan, clause, at, alias };
}

function isClause(cursor: Cursor): boolean {
  const { index } = cursor;
  if (cursor.at('AT')) {
    const isBound = cursor.wordsAt(index + 2, 'VERSION') || cursor.wordsAt(index + 2, 'TIMESTAMP');
    return cursor.symbolAt(index + 1, '(') && isBound;
  }
  if (!cursor.at('VERSION', 'AS', 'OF') && !cursor.at('TIMESTAMP', 'AS', 'OF')) return false;
  // SELECT version AS of FROM t has columns of those names.
  const next = cursor.tokens[index + 3];
  if (next === undefined) return false;
  const isLiteral = next.kind === 'number' || next.kind === 'string' || next.kind === 'parameter';
  return isLiteral || next.text === '(' || (cursor.at('TIMESTAMP') && cursor.isAlias(index + 3));
}

/** The table in front of token `end`: `[[catalog.]schema.]name [[AS] alias]`. `first` is its first token. */
function tableBefore(
  cursor: Cursor,
  end: number,
): { readonly first: number; readonly alias: Name | undefined } | undefined {
  const last = end - 1;
  if (!cursor.isAlias(last)) return undefined;
  if (!cursor.symbolAt(last - 1, '.')) {
    const named = cursor.wordsAt(last - 1, 'AS') ? last - 2 : last - 1;
    if (cursor.isAlias(named)) {
      const { index } = cursor;
      cursor.index = last;
      const alias = cursor.name('an alias');
      cursor.index = index;
      return { first: firstPart(cursor, named), alias };
    }
  }
  return { first: firstPart(cursor, last), alias: undefined };
}

/** Walks back over `catalog.schema.`. */
function firstPart(cursor: Cursor, last: number): number {
  let first = last;
  while (cursor.symbolAt(first - 1, '.') && cursor.isName(first - 2)) first -= 2;
  return first;
}

/** `VERSION AS OF n`, `TIMESTAMP AS OF e`. */
function takeAsOf(cursor: Cursor): VersionAt {
  if (cursor.at('VERSION')) {
    const { offset } = cursor;
    cursor.index += 3;
    return { kind: 'version', version: cursor.integer('version number', 0), offset };
  }
  cursor.index += 3;
  return { kind: 'timestamp', timestamp: cursor.operand('a timestamp') };
}

/** The alias that follows, if one does; the cursor stays. */
function peekAlias(cursor: Cursor): Name | undefined {
  const { index } = cursor;
  const has = cursor.take('AS') ? cursor.isName(cursor.index) : cursor.isAlias(cursor.index);
  const alias = has ? cursor.name('an alias') : undefined;
  cursor.index = index;
  return alias;
}

function takeChanges(cursor: Cursor): TableChanges | undefined {
  const start = cursor.index;
  if (!cursor.at('TABLE_CHANGES') || !cursor.symbolAt(start + 1, '(')) return undefined;
  if (cursor.symbolAt(start - 1, '.')) return undefined;
  cursor.index += 2;
  const table = changedTable(cursor);
  cursor.expectSymbol(',');
  const from = changeBound(cursor);
  const to = cursor.takeSymbol(',') ? changeBound(cursor) : undefined;
  if (!cursor.takeSymbol(')')) throw cursor.error(to === undefined ? [',', ')'] : [')']);
  return {
    kind: 'changes',
    table,
    call: cursor.slice(start, cursor.index),
    from,
    to,
    alias: peekAlias(cursor),
  };
}

/** `'schema.table'`, or the name itself. */
function changedTable(cursor: Cursor): ObjectName {
  const token = cursor.peek();
  if (token?.kind !== 'string') return cursor.objectName('the name of a table');
  const { offset } = cursor;
  const inside = new Cursor(
    decodeString(token.text) ?? '',
    tokenize(decodeString(token.text) ?? '').filter(({ kind }) => kind !== 'comment'),
  );
  if (inside.atEnd) throw cursor.error('the name of a table');
  const table = inside.objectName('the name of a table');
  if (!inside.atEnd) throw cursor.error('the name of a table');
  cursor.index++;
  return { ...table, offset };
}

/** A whole number is a version, all else a timestamp. */
function changeBound(cursor: Cursor): VersionAt {
  const { offset, index } = cursor;
  const span = cursor.span('a version or a timestamp', comma);
  const end = cursor.index;
  if (/^\(?\s*-?[0-9_]+\s*\)?$/.test(span.sql) || /^'-?[0-9]+'::(BIGINT|HUGEINT)$/i.test(span.sql)) {
    cursor.index = index;
    const version = cursor.integer('version number', 0);
    cursor.index = end;
    return { kind: 'version', version, offset };
  }
  return { kind: 'timestamp', timestamp: span };
}
