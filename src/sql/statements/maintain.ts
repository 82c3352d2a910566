import { SkeinError, SqlState } from '../../common/index.ts';
import type {
  AnalyzeStatement,
  DescribeDetailStatement,
  DescribeHistoryStatement,
  OptimizeStatement,
  RestoreStatement,
  VacuumStatement,
} from '../statement.ts';
import { type Cursor, refuseRepeated, words } from './cursor.ts';
import { takeVersionAt } from './table-clauses.ts';

const tableName = 'the name of a table';

/** `DESCRIBE | DESC HISTORY t [LIMIT n]`, `DESCRIBE | DESC DETAIL t`. */
export function parseDescribe(cursor: Cursor): DescribeHistoryStatement | DescribeDetailStatement {
  cursor.oneOf('DESCRIBE', 'DESC');
  const what = cursor.oneOf('HISTORY', 'DETAIL');
  const table = cursor.objectName(tableName);
  if (what === 'DETAIL') {
    cursor.end();
    return { kind: 'describeDetail', table };
  }
  const limit = cursor.take('LIMIT') ? cursor.integer('number of versions', 0) : undefined;
  cursor.end(...(limit === undefined ? ['LIMIT'] : []));
  return { kind: 'describeHistory', table, limit };
}

/** True for `DESCRIBE HISTORY t`, false for DESCRIBE of a table that is called history. */
export function isTableDescription(cursor: Cursor): boolean {
  const second = cursor.index + 1;
  const isOurs = cursor.wordsAt(second, 'HISTORY') || cursor.wordsAt(second, 'DETAIL');
  return isOurs && cursor.isName(second + 1);
}

/** `RESTORE [TABLE] t TO VERSION [AS OF] n | TIMESTAMP [AS OF] e | AT (...)`. */
export function parseRestore(cursor: Cursor): RestoreStatement {
  cursor.expect('RESTORE');
  cursor.take('TABLE');
  const table = cursor.objectName(tableName);
  if (!cursor.at('AT')) cursor.expect('TO');
  const to = takeVersionAt(cursor);
  if (to === undefined) throw cursor.error(['VERSION AS OF', 'TIMESTAMP AS OF', 'AT (VERSION => n)']);
  cursor.end();
  return { kind: 'restore', table, to };
}

/** `OPTIMIZE [TABLE] t [WHERE e] [ZORDER BY (cols)]`. */
export function parseOptimize(cursor: Cursor): OptimizeStatement {
  cursor.expect('OPTIMIZE');
  cursor.take('TABLE');
  const table = cursor.objectName(tableName);
  const where = cursor.take('WHERE') ? cursor.span('a condition', words('ZORDER BY')) : undefined;
  const zOrderBy = cursor.take('ZORDER') ? zOrderColumns(cursor) : [];
  const open = where === undefined ? ['WHERE', 'ZORDER BY'] : ['ZORDER BY'];
  cursor.end(...(zOrderBy.length === 0 ? open : []));
  return { kind: 'optimize', table, where, zOrderBy };
}

/** In brackets or not. */
function zOrderColumns(cursor: Cursor): OptimizeStatement['zOrderBy'] {
  cursor.expect('BY');
  const column = (): ReturnType<Cursor['name']> => cursor.name('the name of a column');
  if (cursor.atSymbol('(')) {
    const columns = cursor.list(column);
    refuseRepeated('column', columns);
    return columns;
  }
  const columns = [column()];
  while (cursor.takeSymbol(',')) columns.push(column());
  refuseRepeated('column', columns);
  return columns;
}

/** `VACUUM [t] [RETAIN n HOURS] [DRY RUN]`. */
export function parseVacuum(cursor: Cursor): VacuumStatement {
  cursor.expect('VACUUM');
  const isWhole = cursor.atEnd || cursor.at('DRY', 'RUN') || atRetention(cursor);
  if (!isWhole) cursor.take('TABLE');
  const table = isWhole ? undefined : cursor.objectName(tableName);
  const retainHours = cursor.take('RETAIN') ? hours(cursor) : undefined;
  const dryRun = cursor.take('DRY');
  if (dryRun) cursor.expect('RUN');
  const open = retainHours === undefined ? ['RETAIN', 'DRY RUN'] : ['DRY RUN'];
  cursor.end(...(dryRun ? [] : open));
  return { kind: 'vacuum', table, retainHours, dryRun };
}

/** `RETAIN 5`, and no table of that name. */
function atRetention(cursor: Cursor): boolean {
  const next = cursor.peek(1)?.kind;
  return cursor.at('RETAIN') && (next === 'number' || next === 'string');
}

function hours(cursor: Cursor): NonNullable<VacuumStatement['retainHours']> {
  const { text, offset } = cursor.literal('a number of hours');
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) {
    throw new SkeinError(SqlState.invalidParameterValue, `${text} is no number of hours`, {
      position: offset,
    });
  }
  if (value !== 1 || !cursor.take('HOUR')) cursor.expect('HOURS');
  return { hours: value, offset };
}

/** `ANALYZE [TABLE] [t [(cols)]]`, also with `COMPUTE STATISTICS [FOR ALL COLUMNS | FOR COLUMNS a, b]`. */
export function parseAnalyze(cursor: Cursor): AnalyzeStatement {
  cursor.expect('ANALYZE');
  if (cursor.atEnd) return { kind: 'analyze', table: undefined, columns: [] };
  cursor.take('TABLE');
  const table = cursor.objectName(tableName);
  const column = (): ReturnType<Cursor['name']> => cursor.name('the name of a column');
  const columns = cursor.atSymbol('(') ? cursor.list(column) : [];
  if (columns.length === 0 && cursor.take('COMPUTE')) {
    cursor.expect('STATISTICS');
    if (cursor.take('FOR') && cursor.oneOf('COLUMNS', 'ALL') === 'ALL') cursor.expect('COLUMNS');
    else if (cursor.wordsAt(cursor.index - 1, 'COLUMNS')) {
      do columns.push(column());
      while (cursor.takeSymbol(','));
    }
  }
  refuseRepeated('column', columns);
  cursor.end();
  return { kind: 'analyze', table, columns };
}
