import type { Name, ShowPattern, ShowStatement } from '../statement.ts';
import type { Cursor } from './cursor.ts';

const ofTables = ['COLUMNS', 'SHARDS', 'FILES', 'PARTITIONS'] as const;
const tableName = 'the name of a table';

/** SHOW, unless it is one of DuckDB's: `SHOW TABLES`, `SHOW t` and all others. */
export function parseShow(cursor: Cursor): ShowStatement | undefined {
  const second = cursor.index + 1;
  if (cursor.wordsAt(second, 'VIEWS')) return showNames(cursor, 'views');
  if (cursor.wordsAt(second, 'TABLES') && hasPattern(cursor)) return showNames(cursor, 'tables');
  if (cursor.wordsAt(second, 'CREATE')) {
    cursor.index = second + 1;
    const what = cursor.oneOf('TABLE', 'VIEW') === 'TABLE' ? 'createTable' : 'createView';
    return showTable(cursor, what);
  }
  if (cursor.wordsAt(second, 'TBLPROPERTIES')) {
    cursor.index = second + 1;
    return showTable(cursor, 'properties');
  }
  const list = ofTables.find((word) => cursor.wordsAt(second, word));
  if (list === undefined || second + 1 >= cursor.tokens.length) return undefined;
  cursor.index = second + 1;
  cursor.oneOf('FROM', 'IN');
  return showTable(cursor, lowerCase[list]);
}

const lowerCase = { COLUMNS: 'columns', SHARDS: 'shards', FILES: 'files', PARTITIONS: 'partitions' } as const;

function showTable(
  cursor: Cursor,
  what: Extract<ShowStatement, { readonly table: unknown }>['what'],
): ShowStatement {
  const table = cursor.objectName(tableName);
  cursor.end();
  return { kind: 'show', what, table };
}

/** `SHOW TABLES [FROM s] LIKE 'x'`. */
function hasPattern(cursor: Cursor): boolean {
  const third = cursor.index + 2;
  const at = cursor.wordsAt(third, 'FROM') || cursor.wordsAt(third, 'IN') ? third + 2 : third;
  return cursor.wordsAt(at, 'LIKE') || cursor.wordsAt(at, 'ILIKE') || cursor.wordsAt(third, 'IN');
}

/** `SHOW VIEWS | TABLES [FROM | IN schema] [LIKE | ILIKE 'pattern']`. */
function showNames(cursor: Cursor, what: 'views' | 'tables'): ShowStatement {
  cursor.index += 2;
  const schema: Name | undefined =
    cursor.take('FROM') || cursor.take('IN') ? cursor.name('the name of a schema') : undefined;
  const like = takePattern(cursor);
  cursor.end(...(schema === undefined ? ['FROM'] : []), ...(like === undefined ? ['LIKE', 'ILIKE'] : []));
  return { kind: 'show', what, schema, like };
}

function takePattern(cursor: Cursor): ShowPattern | undefined {
  const ignoreCase = cursor.at('ILIKE');
  if (!ignoreCase && !cursor.at('LIKE')) return undefined;
  cursor.index++;
  return { pattern: cursor.text('a pattern in quotes'), ignoreCase };
}
