import { isWord, type Token } from './tokenize.ts';

/**
 * The WITH clause that a query at token `at` could be moved under: every CTE that is defined before it in the queries
 * around it, outermost first. Ends with a space; empty where there is none.
 */
export function visibleCtes(sql: string, tokens: readonly Token[], at: number): string {
  const definitions: string[] = [];
  let recursive = false;
  for (const start of enclosingStarts(tokens, at)) {
    const first = tokens[start];
    if (first === undefined || !isWord(first, 'WITH')) continue;
    const next = tokens[start + 1];
    const isRecursive = next !== undefined && isWord(next, 'RECURSIVE');
    recursive ||= isRecursive;
    for (const [from, to] of definitionsFrom(tokens, start + (isRecursive ? 2 : 1), at)) {
      definitions.push(sql.slice(tokens[from]?.start, tokens[to]?.end));
    }
  }
  return definitions.length === 0 ? '' : `WITH ${recursive ? 'RECURSIVE ' : ''}${definitions.join(', ')} `;
}

/** Where the statement begins, and each bracket around token `at`, from the outside in. */
function enclosingStarts(tokens: readonly Token[], at: number): readonly number[] {
  const starts = [0];
  for (let index = 0; index < at; index++) {
    const token = tokens[index];
    if (token?.kind !== 'punctuation') continue;
    if (token.text === '(' || token.text === '[' || token.text === '{') starts.push(index + 1);
    else if (token.text === ')' || token.text === ']' || token.text === '}') starts.pop();
  }
  return starts;
}

/** Each `name [(columns)] [USING KEY (...)] AS [[NOT] MATERIALIZED] (query)` that ends before `at`: first and last token. */
function definitionsFrom(
  tokens: readonly Token[],
  start: number,
  at: number,
): readonly (readonly [number, number])[] {
  const found: (readonly [number, number])[] = [];
  let from = start;
  for (;;) {
    let as = from;
    while (as < at && !isKeyword(tokens[as], 'AS'))
      as = tokens[as]?.text === '(' ? closing(tokens, as) + 1 : as + 1;
    let open = as;
    while (open < at && tokens[open]?.text !== '(') open++;
    const end = closing(tokens, open);
    if (end >= at) return found;
    found.push([from, end]);
    if (tokens[end + 1]?.text !== ',') return found;
    from = end + 2;
  }
}

function isKeyword(token: Token | undefined, keyword: string): boolean {
  return token !== undefined && isWord(token, keyword);
}

/** The index of the bracket that closes the one at `open`; the number of tokens where none does. */
function closing(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let index = open; index < tokens.length; index++) {
    const token = tokens[index];
    if (token?.kind !== 'punctuation') continue;
    if (token.text === '(') depth++;
    else if (token.text === ')' && --depth === 0) return index;
  }
  return tokens.length;
}
