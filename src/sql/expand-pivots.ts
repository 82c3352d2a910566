import { SkeinError, SqlState } from '../common/index.ts';
import { quoteLiteral, type SqlValue } from '../types/index.ts';
import { type BoundParameters, substitute } from './bind-parameters.ts';
import { isWord, type Token, tokenize } from './tokenize.ts';
import { visibleCtes } from './visible-ctes.ts';

/** Gives the rows of a query. */
export type Evaluate = (sql: string) => Promise<readonly (readonly SqlValue[])[]>;

/** DuckDB's own limit, `pivot_limit`. */
const maxColumns = 100_000;
/** Stands in a list that would be empty; its columns are taken out again. */
const noValue = 'skein_no_value_88f1';
const endsItems = /^(using|group|order|limit|offset|union|intersect|except)$/i;
const beginsQuery = /^(select|from|with|values|table|pivot|pivot_wider|unpivot|describe|summarize|show)$/i;

/** True where the text may hold a PIVOT whose columns its data decides. */
export function mentionsPivot(sql: string): boolean {
  return tokenize(sql).some(isPivot);
}

/**
 * Writes the values that become columns into each PIVOT that leaves them to the data:
 *
 *     PIVOT t ON x USING sum(y)  ->  PIVOT t ON x IN ('a', 'b') USING sum(y)
 *
 * with the values that DuckDB would take: `SELECT DISTINCT x::VARCHAR FROM t WHERE x IS NOT NULL ORDER BY 1`.
 * @param evaluate sees queries that may hold a PIVOT themselves
 */
export async function expandPivots(sql: string, evaluate: Evaluate): Promise<BoundParameters> {
  let text = sql;
  let mapPosition = (position: number): number => position;
  for (;;) {
    const tokens = tokenize(text).filter((token) => token.kind !== 'comment');
    const pivot = lastDynamicPivot(tokens);
    if (pivot === undefined) return { sql: text, mapPosition };
    const expanded = await expand(text, tokens, pivot, evaluate);
    const before = mapPosition;
    mapPosition = (position) => before(expanded.mapPosition(position));
    text = expanded.sql;
  }
}

/** Indexes into the tokens; `end` of each is exclusive. */
interface Pivot {
  readonly start: number;
  readonly on: number;
  /** One expression of ON each. */
  readonly items: readonly PivotItem[];
  /** Where ORDER BY, a set operation, or the query around begins. */
  readonly end: number;
}

interface PivotItem {
  readonly start: number;
  readonly end: number;
  /** Where IN stands, for `x IN (SELECT ...)`. */
  readonly subquery: number | undefined;
  readonly dynamic: boolean;
}

function isPivot(token: Token): boolean {
  return isWord(token, 'PIVOT') || isWord(token, 'PIVOT_WIDER');
}

/** The last one has no other inside what it reads from. */
function lastDynamicPivot(tokens: readonly Token[]): Pivot | undefined {
  for (let index = tokens.length - 1; index >= 0; index--) {
    const token = tokens[index];
    if (token === undefined || !isPivot(token)) continue;
    const pivot = parsePivot(tokens, index);
    if (pivot?.items.some(({ dynamic }) => dynamic)) return pivot;
  }
  return undefined;
}

/** Undefined for `FROM t PIVOT (sum(y) FOR x IN (...))`, which names its columns always, and for what is no PIVOT. */
function parsePivot(tokens: readonly Token[], start: number): Pivot | undefined {
  if (tokens[start + 1]?.text === '(' && !beginsQuery.test(firstInside(tokens, start + 1))) return undefined;
  const { indexes: level, end: levelEnd } = sameLevel(tokens, start + 1);
  const isAt = (index: number, pattern: RegExp): boolean => {
    const token = tokens[index];
    return token?.kind === 'word' && pattern.test(token.text);
  };
  const limit = level.find((index) => isAt(index, /^(union|intersect|except)$/i)) ?? levelEnd;
  const on = level.findLast((index) => index < limit && isAt(index, /^on$/i));
  if (on === undefined) return undefined;
  const after = level.filter((index) => index > on);
  const itemsEnd = after.find((index) => isAt(index, endsItems)) ?? limit;
  const end = after.find((index) => isAt(index, /^(order|limit|offset|union|intersect|except)$/i)) ?? limit;
  const commas = after.filter((index) => index < itemsEnd && tokens[index]?.text === ',');
  const bounds = [on, ...commas, itemsEnd];
  const items = bounds.slice(1).map((itemEnd, index): PivotItem => {
    const itemStart = (bounds[index] ?? on) + 1;
    const inside = after.find((at) => at >= itemStart && at < itemEnd && isAt(at, /^in$/i));
    const subquery = inside !== undefined && beginsQuery.test(firstInside(tokens, inside + 1));
    return {
      start: itemStart,
      end: itemEnd,
      subquery: subquery ? inside : undefined,
      dynamic: inside === undefined || subquery,
    };
  });
  return { start, on, items, end };
}

/** The tokens from `start` on in the same brackets, an inner pair of brackets counting as its first; and their end. */
function sameLevel(tokens: readonly Token[], start: number): { indexes: readonly number[]; end: number } {
  const indexes: number[] = [];
  let depth = 0;
  for (let index = start; index < tokens.length; index++) {
    const token = tokens[index];
    const bracket = token?.kind === 'punctuation' ? token.text : '';
    const closes = bracket === ')' || bracket === ']' || bracket === '}';
    if (closes && depth === 0) return { indexes, end: index };
    if (closes) depth--;
    else if (depth === 0) indexes.push(index);
    if (bracket === '(' || bracket === '[' || bracket === '{') depth++;
  }
  return { indexes, end: tokens.length };
}

/** The first word after the brackets that open at `index`. */
function firstInside(tokens: readonly Token[], index: number): string {
  let at = index;
  while (tokens[at]?.text === '(') at++;
  return at > index ? (tokens[at]?.text ?? '') : '';
}

async function expand(
  sql: string,
  tokens: readonly Token[],
  pivot: Pivot,
  evaluate: Evaluate,
): Promise<BoundParameters> {
  const text = (start: number, end: number): string => {
    const first = tokens[start];
    const last = tokens[end - 1];
    return first === undefined || last === undefined || end <= start ? '' : sql.slice(first.start, last.end);
  };
  const source = text(pivot.start + 1, pivot.on);
  const ctes = visibleCtes(sql, tokens, pivot.start);
  const replacements: { token: Token; text: string }[] = [];
  let empty = false;
  for (const item of pivot.items) {
    if (!item.dynamic) continue;
    const expression = text(item.start, item.subquery ?? item.end);
    const query =
      item.subquery === undefined
        ? `${ctes}SELECT DISTINCT CAST((${expression}) AS VARCHAR) FROM ${source} WHERE (${expression}) IS NOT NULL ORDER BY 1`
        : `${ctes}SELECT * FROM ${text(item.subquery + 1, item.end)}`;
    const rows = await evaluate(query).catch((error: unknown) => {
      throw pointedAt(error, tokens[pivot.start]?.start ?? 0);
    });
    const values = rows.map(([value]) => String(value));
    if (values.length > maxColumns) {
      throw new SkeinError(SqlState.limitExceeded, `PIVOT would make more than ${maxColumns} columns`, {
        position: tokens[pivot.start]?.start ?? 0,
      });
    }
    empty ||= values.length === 0;
    const list = (values.length === 0 ? [noValue] : values).map(quoteLiteral).join(', ');
    const isName = item.end - item.start === 1 || item.subquery !== undefined;
    const left = isName ? expression : `(CAST((${expression}) AS VARCHAR))`;
    replacements.push({ token: span(tokens, item.start, item.end), text: `${left} IN (${list})` });
  }
  if (empty) {
    const columns = `SELECT COLUMNS(lambda c: NOT contains(c, '${noValue}')) FROM (`;
    replacements.unshift({ token: point(tokens[pivot.start]?.start ?? 0), text: columns });
    replacements.push({ token: point(tokens[pivot.end - 1]?.end ?? sql.length), text: ')' });
  }
  return substitute(sql, replacements);
}

/** The position of an error in the query of values means nothing to the user: it is the PIVOT's. */
function pointedAt(error: unknown, position: number): unknown {
  if (!(error instanceof SkeinError) || error.position === undefined) return error;
  const { sqlState, message, retry, hint, details } = error;
  const options = { retry, details, position, cause: error };
  return new SkeinError(sqlState, message, hint === undefined ? options : { ...options, hint });
}

function span(tokens: readonly Token[], start: number, end: number): Token {
  const from = tokens[start]?.start ?? 0;
  return { kind: 'word', text: '', start: from, end: tokens[end - 1]?.end ?? from };
}

function point(offset: number): Token {
  return { kind: 'word', text: '', start: offset, end: offset };
}
