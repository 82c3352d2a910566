import type { Span } from './statement.ts';
import { type Token, tokenize } from './tokenize.ts';

/**
 * The statements of a script, in order, without the comments around them, the `;` between them, and empty ones.
 * @throws SkeinError 42601 on a literal or comment that does not end
 */
export function splitStatements(sql: string): Span[] {
  const statements: Span[] = [];
  let first: Token | undefined;
  let last: Token | undefined;
  const close = (): void => {
    if (first !== undefined && last !== undefined) {
      statements.push({ sql: sql.slice(first.start, last.end), offset: first.start });
    }
    first = undefined;
  };
  for (const token of tokenize(sql)) {
    if (token.kind === 'comment') continue;
    if (token.kind === 'punctuation' && token.text === ';') {
      close();
    } else {
      first ??= token;
      last = token;
    }
  }
  close();
  return statements;
}
