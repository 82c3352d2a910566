import { SkeinError, SqlState } from '../common/index.ts';

/**
 * - word: an identifier or keyword without quotes; quoted: an identifier in double quotes.
 * - string: any string literal, with its prefix (`E'..'`, `x'..'`) or as `$tag$..$tag$`.
 * - parameter: `?`, `?1`, `$1`, `$name`.
 * - operator: a run of operator characters; punctuation: one of `( ) [ ] { } , ; .`.
 */
export type TokenKind =
  | 'word'
  | 'quoted'
  | 'string'
  | 'number'
  | 'parameter'
  | 'operator'
  | 'punctuation'
  | 'comment';

export interface Token {
  readonly kind: TokenKind;
  /** The text as written. */
  readonly text: string;
  /** Offsets into the SQL, in UTF-16 units; `end` is exclusive. */
  readonly start: number;
  readonly end: number;
}

/** True for the keyword without quotes, in any case. */
export function isWord(token: Token, keyword: string): boolean {
  return (
    token.kind === 'word' && token.text.length === keyword.length && token.text.toUpperCase() === keyword
  );
}

const spaces = /\s+/y;
const word = /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y;
const number =
  /0[xX][0-9a-fA-F_]+|0[bB][01_]+|(?:[0-9][0-9_]*(?:\.(?!\.)[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?/y;
const lineComment = /--[^\n\r]*/y;
const dollarQuote = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y;
const parameter = /\?[0-9]*|\$(?:[0-9]+|[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)/y;
const special = /['\\]/g;
const operator = /[-+*/<>=~!@#%^&|`:\\]/y;

/**
 * Cuts SQL into tokens, as DuckDB's lexer does; white space is dropped, comments are kept.
 * @throws SkeinError 42601 on a literal or comment that does not end, and on a NUL character
 */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  let offset = 0;
  while (offset < sql.length) {
    const space = matchAt(spaces, sql, offset);
    if (space !== undefined) {
      offset += space.length;
      continue;
    }
    const token = nextToken(sql, offset);
    tokens.push(token);
    offset = token.end;
  }
  return tokens;
}

function nextToken(sql: string, start: number): Token {
  const make = (kind: TokenKind, text: string): Token => ({ kind, text, start, end: start + text.length });
  const char = sql.charAt(start);
  const two = sql.slice(start, start + 2);
  if (two === '--') return make('comment', matchAt(lineComment, sql, start) ?? two);
  if (two === '/*') return make('comment', blockComment(sql, start));
  if (char === "'") return make('string', quoted(sql, start, start));
  if (char === '"') return make('quoted', quoted(sql, start, start));
  if (char === '$') {
    const tag = matchAt(dollarQuote, sql, start);
    if (tag !== undefined) return make('string', dollarString(sql, start, tag));
  }
  if (char === '$' || char === '?') {
    const text = matchAt(parameter, sql, start);
    if (text !== undefined) return make('parameter', text);
  }
  if (sql.charAt(start + 1) === "'" && /[eExXbBnN]/.test(char)) {
    return make('string', /[eE]/.test(char) ? escapeString(sql, start) : quoted(sql, start, start + 1));
  }
  const digits = matchAt(number, sql, start);
  if (digits !== undefined) return make('number', digits);
  const name = matchAt(word, sql, start);
  if (name !== undefined) return make('word', name);
  if ('()[]{},;.'.includes(char)) return make('punctuation', char);
  if (matchAt(operator, sql, start) !== undefined) return make('operator', operatorRun(sql, start));
  throw new SkeinError(SqlState.syntaxError, `unexpected character ${JSON.stringify(char)}`, {
    position: start,
  });
}

/** A run of operator characters, ended early by the start of a comment. */
function operatorRun(sql: string, start: number): string {
  let end = start + 1;
  while (matchAt(operator, sql, end) !== undefined) {
    const two = sql.slice(end, end + 2);
    if (two === '--' || two === '/*') break;
    end++;
  }
  return sql.slice(start, end);
}

/** Block comments nest. */
function blockComment(sql: string, start: number): string {
  let depth = 0;
  for (let offset = start; offset < sql.length; offset++) {
    const two = sql.slice(offset, offset + 2);
    if (two === '/*') {
      depth++;
      offset++;
    } else if (two === '*/') {
      depth--;
      offset++;
      if (depth === 0) return sql.slice(start, offset + 1);
    }
  }
  return unterminated('comment', start);
}

/**
 * From `start` to the quote that closes the one at `open`; doubled, it is part of the text. No regular expression: those
 * overflow the stack on long literals.
 */
function quoted(sql: string, start: number, open: number): string {
  const quote = sql.charAt(open);
  for (let from = open + 1; ; ) {
    const end = sql.indexOf(quote, from);
    if (end < 0) return unterminated(quote === "'" ? 'string' : 'identifier', start);
    if (sql.charAt(end + 1) !== quote) return sql.slice(start, end + 1);
    from = end + 2;
  }
}

/** `E'...'`, where a backslash takes the meaning off the character behind it. */
function escapeString(sql: string, start: number): string {
  for (let from = start + 2; ; ) {
    special.lastIndex = from;
    const found = special.exec(sql);
    if (found === null) return unterminated('string', start);
    const end = found.index;
    if (found[0] === "'" && sql.charAt(end + 1) !== "'") return sql.slice(start, end + 1);
    from = end + 2;
  }
}

function dollarString(sql: string, start: number, tag: string): string {
  const end = sql.indexOf(tag, start + tag.length);
  return end < 0 ? unterminated('string', start) : sql.slice(start, end + tag.length);
}

function unterminated(what: string, position: number): never {
  throw new SkeinError(SqlState.syntaxError, `the ${what} that begins here does not end`, { position });
}

function matchAt(pattern: RegExp, sql: string, offset: number): string | undefined {
  pattern.lastIndex = offset;
  return pattern.exec(sql)?.[0];
}
