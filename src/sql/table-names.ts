import { decodeString } from './statements/decode-string.ts';
import { isWord, tokenize } from './tokenize.ts';

/**
 * Every name that a statement may mean a table by: all of its identifiers and keywords, without quotes and in lower
 * case. More than its tables, never less.
 */
export function tableNames(sql: string): ReadonlySet<string> {
  const tokens = tokenize(sql);
  // table_changes('schema.table', ...) names its table in a string.
  const inStrings = tokens.some(
    (token) => isWord(token, 'TABLE_CHANGES') || token.text === '"table_changes"',
  );
  const names = new Set<string>();
  for (const { kind, text } of tokens) {
    if (kind === 'word') names.add(text.toLowerCase());
    else if (kind === 'quoted') names.add(text.slice(1, -1).replaceAll('""', '"').toLowerCase());
    else if (kind === 'string' && inStrings) {
      const content = (decodeString(text) ?? '').toLowerCase();
      for (const name of [content, ...content.split('.')]) names.add(name.replaceAll('"', ''));
    }
  }
  return names;
}
