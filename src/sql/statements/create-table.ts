import type {
  CheckConstraint,
  ColumnDefinition,
  CreateTableStatement,
  IfExists,
  Name,
  ObjectName,
  TableContents,
  TableFormat,
} from '../statement.ts';
import { parseCheck, parseColumnDefinition } from './column-definition.ts';
import { type Cursor, refuseRepeated, syntaxError, unsupported } from './cursor.ts';
import { partitionColumns, properties, shardingClause, takeComment, takeVersionAt } from './table-clauses.ts';

type Clauses = Pick<
  CreateTableStatement,
  'partitionedBy' | 'sharding' | 'location' | 'format' | 'properties' | 'comment'
>;
type ClauseDraft = { -readonly [Key in keyof Clauses]: Clauses[Key] };

/** Columns without a type are names for the query that must follow. */
interface ColumnList {
  readonly columns: readonly ColumnDefinition[];
  readonly checks: readonly CheckConstraint[];
  readonly offset: number;
}

const clauseWords = [
  'PARTITIONED BY',
  'SHARDED BY',
  'LOCATION',
  'USING',
  'STORED AS',
  'FORMAT',
  'WITH',
  'TBLPROPERTIES',
  'COMMENT',
];
const formats: readonly string[] = ['DELTA', 'PARQUET', 'CSV', 'JSON'] satisfies Uppercase<TableFormat>[];

/** Everything from the table's name on. */
export function parseCreateTable(
  cursor: Cursor,
  ifExists: IfExists,
  external: boolean,
): CreateTableStatement {
  const table = cursor.objectName('the name of a table');
  const source = takeSource(cursor);
  const list = source === undefined && cursor.atSymbol('(') ? columnList(cursor) : undefined;
  const clauses: ClauseDraft = {
    partitionedBy: [],
    sharding: undefined,
    location: undefined,
    format: undefined,
    properties: [],
    comment: undefined,
  };
  const seen = new Set<string>();
  while (takeClause(cursor, clauses, seen));
  const contents = source ?? tableContents(cursor, list, external || clauses.location !== undefined, seen);
  refuseRepeated('property', clauses.properties);
  cursor.end(...(contents.kind === 'query' ? [] : unusedClauses(seen)));
  return { kind: 'createTable', table, ifExists, external, contents, ...clauses };
}

/** `LIKE other`, `[SHALLOW] CLONE source [AT ...]`. */
function takeSource(cursor: Cursor): TableContents | undefined {
  if (cursor.take('LIKE')) return { kind: 'like', source: cursor.objectName('the name of a table') };
  if (cursor.at('DEEP', 'CLONE')) {
    throw unsupported(
      'a table can be cloned shallowly only',
      cursor.offset,
      'copy it by CREATE TABLE ... AS FROM t',
    );
  }
  const shallow = cursor.take('SHALLOW');
  if (!shallow && !cursor.at('CLONE')) return undefined;
  cursor.expect('CLONE');
  const source = cursor.objectName('the name of a table');
  return { kind: 'clone', source, at: takeVersionAt(cursor) };
}

/** `(column, ..., [CONSTRAINT n] CHECK (e), ...)`, or `(LIKE other)` as the only item. */
function columnList(cursor: Cursor): ColumnList | TableContents {
  const { offset } = cursor;
  if (cursor.wordsAt(cursor.index + 1, 'LIKE')) {
    const [source] = cursor.list((): ObjectName => {
      cursor.expect('LIKE');
      return cursor.objectName('the name of a table');
    });
    if (source !== undefined) return { kind: 'like', source };
  }
  const columns: ColumnDefinition[] = [];
  const checks: CheckConstraint[] = [];
  cursor.list(() => {
    if (isConstraint(cursor)) checks.push(parseCheck(cursor));
    else columns.push(parseColumnDefinition(cursor));
  });
  refuseRepeated('column', columns);
  const named = [...columns.flatMap((column) => column.checks), ...checks].flatMap(({ name }) => name ?? []);
  refuseRepeated('constraint', named);
  if (columns.length === 0) throw syntaxError('the table has no column', offset);
  return { columns, checks, offset };
}

function isConstraint(cursor: Cursor): boolean {
  return ['CONSTRAINT', 'CHECK', 'PRIMARY', 'UNIQUE', 'FOREIGN'].some((word) => cursor.at(word));
}

function tableContents(
  cursor: Cursor,
  list: ColumnList | TableContents | undefined,
  overFiles: boolean,
  seen: ReadonlySet<string>,
): TableContents {
  if (list !== undefined && 'kind' in list) return list;
  const { offset } = cursor;
  if (cursor.take('AS')) {
    const names = list === undefined ? [] : queryColumnNames(list, offset);
    const query = cursor.span('a query', (at, index) => endsQuery(at, index));
    const data = !cursor.take('WITH', 'NO', 'DATA');
    if (data) cursor.take('WITH', 'DATA');
    return { kind: 'query', names, query, data };
  }
  if (list === undefined) {
    if (overFiles) return { kind: 'none' };
    throw cursor.error([...(seen.size === 0 ? ['('] : []), ...unusedClauses(seen), 'AS']);
  }
  const untyped = list.columns.find(({ type, generated }) => type === undefined && generated === undefined);
  if (untyped !== undefined) throw syntaxError(`the column ${untyped.name} has no type`, untyped.offset);
  return { kind: 'columns', columns: list.columns, checks: list.checks };
}

/** `WITH [NO] DATA` at the very end. */
function endsQuery(cursor: Cursor, index: number): boolean {
  const left = cursor.tokens.length - index;
  return (
    (left === 2 && cursor.wordsAt(index, 'WITH', 'DATA')) ||
    (left === 3 && cursor.wordsAt(index, 'WITH', 'NO', 'DATA'))
  );
}

function queryColumnNames(list: ColumnList, as: number): readonly Name[] {
  const typed = list.columns.find(
    ({ type, nullable, default: value, generated, identity, checks, comment }) =>
      !nullable ||
      checks.length > 0 ||
      [type, value, generated, identity, comment].some((part) => part !== undefined),
  );
  if (typed !== undefined || list.checks.length > 0) {
    throw syntaxError(
      'a table AS a query takes its types from the query',
      as,
      'give names alone, as in (a, b), and cast inside of the query',
    );
  }
  return list.columns.map(({ name, offset }) => ({ name, offset }));
}

function takeClause(cursor: Cursor, draft: ClauseDraft, seen: Set<string>): boolean {
  const clause = clauseWords.find((phrase) => cursor.at(...phrase.split(' ')));
  if (clause === undefined) {
    if (cursor.at('PARTITION') || cursor.at('PARTITIONED')) throw cursor.error(['PARTITIONED BY']);
    if (cursor.at('SHARDED') || cursor.at('SHARD')) throw cursor.error(['SHARDED BY']);
    return false;
  }
  const key = clauseKey(clause);
  if (seen.has(key)) throw syntaxError(`the table has ${clause} twice`, cursor.offset);
  seen.add(key);
  if (clause !== 'COMMENT') cursor.take(...clause.split(' '));
  switch (key) {
    case 'PARTITIONED BY':
      draft.partitionedBy = partitionColumns(cursor);
      break;
    case 'SHARDED BY':
      draft.sharding = shardingClause(cursor);
      break;
    case 'LOCATION':
      draft.location = cursor.text('a path in quotes');
      break;
    case 'FORMAT':
      draft.format = tableFormat(cursor);
      break;
    case 'COMMENT':
      draft.comment = takeComment(cursor);
      break;
    default:
      draft.properties = [...draft.properties, ...properties(cursor)];
  }
  return true;
}

/** USING, STORED AS and FORMAT say the same. */
function clauseKey(clause: string): string {
  return clause === 'USING' || clause === 'STORED AS' ? 'FORMAT' : clause;
}

function unusedClauses(seen: ReadonlySet<string>): readonly string[] {
  return clauseWords.filter((clause) => clause === clauseKey(clause) && !seen.has(clause));
}

function tableFormat(cursor: Cursor): CreateTableStatement['format'] {
  const { offset } = cursor;
  const format = cursor.literal('a format').text.toLowerCase();
  if (format !== 'delta' && format !== 'parquet' && format !== 'csv' && format !== 'json') {
    cursor.index--;
    throw cursor.error(formats);
  }
  return { format, offset };
}
