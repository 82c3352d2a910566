import type { Token } from '../tokenize.ts';

/**
 * Cuts runs of operator characters as DuckDB's lexer does: `=-` is two operators, as an operator ends in + or - only
 * if it has one of ~ ! @ # % ^ & | `.
 */
export function splitOperators(tokens: readonly Token[]): readonly Token[] {
  if (!tokens.some(needsSplit)) return tokens;
  return tokens.flatMap((token) => {
    if (!needsSplit(token)) return [token];
    const head = token.text.replace(/[-+]+$/, '') || token.text.slice(0, 1);
    const pieces = [head, ...token.text.slice(head.length)];
    let { start } = token;
    return pieces.map((text) => {
      const piece: Token = { kind: 'operator', text, start, end: start + text.length };
      start = piece.end;
      return piece;
    });
  });
}

function needsSplit({ kind, text }: Token): boolean {
  return kind === 'operator' && text.length > 1 && /[-+]$/.test(text) && !/[~!@#%^&|`]/.test(text);
}
