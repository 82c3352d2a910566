import { SkeinError, SqlState } from '../common/index.ts';
import type { Statement, TransactionStatement } from './statement.ts';
import { parseAlter } from './statements/alter.ts';
import { parseCopy } from './statements/copy.ts';
import { parseCreate } from './statements/create.ts';
import { Cursor } from './statements/cursor.ts';
import { parseCommentStatement, parseDropStatement, parseTruncate } from './statements/drop.ts';
import { parseExplain } from './statements/explain.ts';
import { parseInsert } from './statements/insert.ts';
import {
  isTableDescription,
  parseAnalyze,
  parseDescribe,
  parseOptimize,
  parseRestore,
  parseVacuum,
} from './statements/maintain.ts';
import { parseMerge } from './statements/merge.ts';
import { parseShow } from './statements/show.ts';
import { splitOperators } from './statements/split-operators.ts';
import { parseDelete, parseUpdate } from './statements/update-delete.ts';
import { takeWith } from './statements/with-clause.ts';
import { isWord, type Token, tokenize } from './tokenize.ts';

const maxSqlLength = 1_000_000;
const maxDepth = 400;

/**
 * Takes one statement apart. What no parser here knows is a `query`, for DuckDB to judge. Comments around the statement
 * and a trailing `;` are dropped.
 * @throws SkeinError 42601 with position and hint on no statement, on more than one, and where the envelope is wrong;
 * 0A000 on SQL that Skein does without; 22023 on numbers out of range; 54001 on brackets nested too deep; 54000 on
 * SQL longer than 1 MB
 */
export function parseStatement(sql: string): Statement {
  checkLength(sql);
  return parseWhole(sql);
}

/** @throws SkeinError 54000 on SQL longer than 1 MB, before any of it is looked at */
export function checkLength(sql: string): void {
  if (sql.length > maxSqlLength) {
    throw new SkeinError(SqlState.limitExceeded, `the statement is longer than ${maxSqlLength} characters`);
  }
}

/** As parseStatement, for a text that values of parameters have made longer. */
export function parseWhole(sql: string): Statement {
  const tokens = statementTokens(sql);
  const [first] = tokens;
  if (first === undefined) {
    throw new SkeinError(SqlState.syntaxError, 'there is no statement', { position: 0 });
  }
  if (!isOurs(tokens)) return query(sql, tokens);
  return parseAt(new Cursor(sql, splitOperators(tokens)));
}

/** The tokens of the only statement, without comments and without the `;` that ends it. */
function statementTokens(sql: string): Token[] {
  const tokens = tokenize(sql).filter((token) => token.kind !== 'comment');
  while (tokens.at(-1)?.text === ';') tokens.pop();
  let depth = 0;
  for (const token of tokens) {
    if (token.kind !== 'punctuation') continue;
    if ('([{'.includes(token.text)) depth++;
    else if (')]}'.includes(token.text)) depth--;
    if (depth > maxDepth) {
      throw new SkeinError(SqlState.statementTooComplex, `brackets are nested more than ${maxDepth} deep`, {
        position: token.start,
      });
    }
    if (token.text === ';') {
      throw new SkeinError(SqlState.syntaxError, 'only one statement can be sent at a time', {
        position: token.start,
      });
    }
  }
  return tokens;
}

function query(sql: string, tokens: readonly Token[]): Statement {
  const offset = tokens[0]?.start ?? 0;
  return { kind: 'query', sql: sql.slice(offset, tokens.at(-1)?.end), offset };
}

type Parser = (cursor: Cursor) => Statement;

const parsers: ReadonlyMap<string, Parser> = new Map<string, Parser>([
  ['EXPLAIN', (cursor) => parseExplain(cursor, parseAt)],
  ['CREATE', parseCreate],
  ['DROP', parseDropStatement],
  ['ALTER', parseAlter],
  ['COMMENT', parseCommentStatement],
  ['TRUNCATE', parseTruncate],
  ['INSERT', (cursor) => parseInsert(cursor, undefined)],
  ['UPDATE', (cursor) => parseUpdate(cursor, undefined)],
  ['DELETE', (cursor) => parseDelete(cursor, undefined)],
  ['MERGE', (cursor) => parseMerge(cursor, undefined)],
  ['WITH', parseWithStatement],
  ['COPY', parseCopy],
  ['DESCRIBE', (cursor) => (isTableDescription(cursor) ? parseDescribe(cursor) : rest(cursor))],
  ['DESC', (cursor) => (isTableDescription(cursor) ? parseDescribe(cursor) : rest(cursor))],
  ['RESTORE', parseRestore],
  ['OPTIMIZE', parseOptimize],
  ['VACUUM', parseVacuum],
  ['ANALYZE', parseAnalyze],
  ['ANALYSE', parseAnalyze],
  ['SHOW', (cursor) => parseShow(cursor) ?? rest(cursor)],
  ...Object.entries({
    BEGIN: 'begin',
    START: 'begin',
    COMMIT: 'commit',
    END: 'commit',
    ROLLBACK: 'rollback',
    ABORT: 'rollback',
    SAVEPOINT: 'savepoint',
    RELEASE: 'savepoint',
  } as const).map(([word, action]): [string, Parser] => [word, (cursor) => transaction(cursor, action)]),
]);

/** Queries need no cursor: their brackets are DuckDB's business. */
function isOurs([first, ...others]: readonly Token[]): boolean {
  if (first?.kind !== 'word') return false;
  const word = first.text.toUpperCase();
  if (word === 'WITH') return others.some((token) => writes.some((write) => isWord(token, write)));
  return parsers.has(word);
}

function parseAt(cursor: Cursor): Statement {
  const first = cursor.peek();
  const parser = first?.kind === 'word' ? parsers.get(first.text.toUpperCase()) : undefined;
  return parser === undefined ? rest(cursor) : parser(cursor);
}

const writes = ['INSERT', 'UPDATE', 'DELETE', 'MERGE'] as const;

/** A WITH clause, and what it is for: a query or a write. */
function parseWithStatement(cursor: Cursor): Statement {
  const start = cursor.index;
  const ctes = takeWith(cursor);
  const write = writes.find((word) => cursor.at(word));
  switch (write) {
    case 'INSERT':
      return parseInsert(cursor, ctes);
    case 'UPDATE':
      return parseUpdate(cursor, ctes);
    case 'DELETE':
      return parseDelete(cursor, ctes);
    case 'MERGE':
      return parseMerge(cursor, ctes);
    case undefined:
      cursor.index = start;
      return rest(cursor);
  }
}

/** Everything that is left is DuckDB's to read. */
function rest(cursor: Cursor): Statement {
  const query = cursor.slice(cursor.index, cursor.tokens.length);
  cursor.index = cursor.tokens.length;
  return { kind: 'query', ...query };
}

function transaction(cursor: Cursor, action: TransactionStatement['action']): TransactionStatement {
  const { offset } = cursor;
  return { kind: 'transaction', action, offset };
}
