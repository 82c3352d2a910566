import type { Span } from '../statement.ts';
import type { Cursor } from './cursor.ts';

/** The index behind `WITH [RECURSIVE] name [(cols)] [USING KEY (cols)] AS [[NOT] MATERIALIZED] (query), ...`. */
function endOfWith(cursor: Cursor): number {
  let index = cursor.index + 1;
  if (cursor.wordsAt(index, 'RECURSIVE')) index++;
  for (;;) {
    while (index < cursor.tokens.length && !cursor.wordsAt(index, 'AS')) {
      index = cursor.symbolAt(index, '(') ? cursor.closing(index) + 1 : index + 1;
    }
    while (index < cursor.tokens.length && !cursor.symbolAt(index, '(')) index++;
    index = cursor.closing(index) + 1;
    if (!cursor.symbolAt(index, ',')) return index;
    index++;
  }
}

/** The WITH clause that stands here, as written. */
export function takeWith(cursor: Cursor): Span | undefined {
  if (!cursor.at('WITH')) return undefined;
  const first = cursor.index;
  cursor.index = Math.min(endOfWith(cursor), cursor.tokens.length);
  return cursor.slice(first, cursor.index);
}
