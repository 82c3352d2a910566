import { SkeinError, SqlState } from '../common/index.ts';
import { type Token, tokenize } from './tokenize.ts';

export type ExplainFormat = 'text' | 'json' | 'dot';

/** What a user sends, with its envelope taken off. `offset` is where the query begins in the user's text. */
export type Statement =
  | { readonly kind: 'query'; readonly sql: string; readonly offset: number }
  | {
      readonly kind: 'explain';
      readonly analyze: boolean;
      readonly format: ExplainFormat;
      readonly query: string;
      readonly offset: number;
    };

const maxSqlLength = 1_000_000;
const maxDepth = 400;

/**
 * Takes one statement apart: `EXPLAIN [ANALYZE] [(ANALYZE, FORMAT text|json|dot)]` around a query, or a query alone.
 * Comments around it and a trailing `;` are dropped.
 * @throws SkeinError 42601 on no statement, on more than one, on a bad EXPLAIN option; 54001 on brackets nested too
 * deep or on SQL longer than 1 MB
 */
export function parseStatement(sql: string): Statement {
  if (sql.length > maxSqlLength) {
    throw new SkeinError(SqlState.limitExceeded, `the statement is longer than ${maxSqlLength} characters`);
  }
  const tokens = statementTokens(sql);
  const first = tokens[0];
  if (first === undefined)
    throw new SkeinError(SqlState.syntaxError, 'there is no statement', { position: 0 });
  if (!isWord(first, 'EXPLAIN')) {
    return { kind: 'query', sql: slice(sql, tokens), offset: first.start };
  }
  const { analyze, format, rest } = explainOptions(tokens.slice(1));
  const query = rest[0];
  if (query === undefined) {
    throw new SkeinError(SqlState.syntaxError, 'EXPLAIN needs a query', { position: first.end });
  }
  return { kind: 'explain', analyze, format, query: slice(sql, rest), offset: query.start };
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

function explainOptions(tokens: readonly Token[]): {
  analyze: boolean;
  format: ExplainFormat;
  rest: readonly Token[];
} {
  let rest = tokens;
  let analyze = false;
  let format: ExplainFormat = 'text';
  if (rest[0] !== undefined && isWord(rest[0], 'ANALYZE')) {
    analyze = true;
    rest = rest.slice(1);
  }
  if (rest[0]?.text !== '(' || rest[1] === undefined || !/^(analyze|format)$/i.test(rest[1].text)) {
    return { analyze, format, rest };
  }
  const close = rest.findIndex((token) => token.text === ')');
  const options = rest.slice(1, close < 0 ? rest.length : close);
  for (let index = 0; index < options.length; index++) {
    const option = options[index];
    if (option === undefined || option.text === ',') continue;
    if (isWord(option, 'ANALYZE')) {
      analyze = true;
    } else if (isWord(option, 'FORMAT')) {
      format = explainFormat(options[++index], option);
    } else {
      throw new SkeinError(SqlState.syntaxError, `EXPLAIN has no option ${option.text}`, {
        position: option.start,
      });
    }
  }
  return { analyze, format, rest: close < 0 ? [] : rest.slice(close + 1) };
}

function explainFormat(token: Token | undefined, option: Token): ExplainFormat {
  const name = token?.text.toLowerCase().replaceAll(/^'|'$/g, '');
  if (name === 'text' || name === 'json' || name === 'dot') return name;
  if (name === 'graphviz') return 'dot';
  throw new SkeinError(SqlState.syntaxError, 'EXPLAIN formats are text, json and dot', {
    position: token?.start ?? option.start,
  });
}

/** True for the keyword without quotes, in any case. */
export function isWord(token: Token, keyword: string): boolean {
  return token.kind === 'word' && token.text.toUpperCase() === keyword;
}

function slice(sql: string, tokens: readonly Token[]): string {
  return sql.slice(tokens[0]?.start, tokens.at(-1)?.end);
}
