import { nearestName } from '../../common/index.ts';
import type { ExplainableStatement, ExplainFormat, ExplainStatement, Statement } from '../statement.ts';
import { type Cursor, syntaxError, unsupported } from './cursor.ts';

/**
 * `EXPLAIN [ANALYZE] [(ANALYZE, FORMAT text|json|dot)] statement`, from EXPLAIN on.
 * @param parse takes the statement apart that the cursor is at
 */
export function parseExplain(cursor: Cursor, parse: (cursor: Cursor) => Statement): ExplainStatement {
  cursor.expect('EXPLAIN');
  let analyze = cursor.take('ANALYZE');
  let format: ExplainFormat = 'text';
  const option = cursor.peek(1)?.text;
  if (cursor.atSymbol('(') && option !== undefined && /^(analyze|format)$/i.test(option)) {
    for (const found of cursor.list(() => explainOption(cursor))) {
      if (found === 'analyze') analyze = true;
      else format = found;
    }
  }
  if (cursor.atEnd) throw syntaxError('EXPLAIN needs a statement', cursor.offset);
  const { offset } = cursor;
  return { kind: 'explain', analyze, format, statement: explainable(parse(cursor), offset) };
}

function explainOption(cursor: Cursor): 'analyze' | ExplainFormat {
  const option = cursor.peek();
  if (cursor.take('ANALYZE')) return 'analyze';
  if (cursor.take('FORMAT')) return explainFormat(cursor);
  const nearest = nearestName(option?.text ?? '', ['ANALYZE', 'FORMAT']);
  throw syntaxError(
    `EXPLAIN has no option ${option?.text ?? ''}`,
    cursor.offset,
    nearest === undefined ? 'expected ANALYZE or FORMAT' : `did you mean ${nearest}?`,
  );
}

function explainFormat(cursor: Cursor): ExplainFormat {
  const { offset } = cursor;
  const name = cursor.literal('text, json or dot').text.toLowerCase();
  if (name === 'text' || name === 'json' || name === 'dot') return name;
  if (name === 'graphviz') return 'dot';
  throw syntaxError('EXPLAIN formats are text, json and dot', offset);
}

function explainable(statement: Statement, offset: number): ExplainableStatement {
  switch (statement.kind) {
    case 'query':
    case 'insert':
    case 'update':
    case 'delete':
    case 'merge':
    case 'copyTo':
      return statement;
    case 'createTable':
      if (statement.contents.kind === 'query') return statement;
      break;
    case 'explain':
    case 'createSchema':
    case 'drop':
    case 'rename':
    case 'createView':
    case 'comment':
    case 'alterTable':
    case 'truncate':
    case 'copyFrom':
    case 'describeHistory':
    case 'describeDetail':
    case 'restore':
    case 'optimize':
    case 'vacuum':
    case 'analyze':
    case 'show':
    case 'transaction':
      break;
  }
  throw unsupported(
    'the statement has no plan to explain',
    offset,
    'queries, INSERT, UPDATE, DELETE, MERGE and CREATE TABLE ... AS have one',
  );
}
