import { SkeinError, SqlState } from '../../common/index.ts';
import type { Name, Property, ShardingClause, Span, Text, VersionAt } from '../statement.ts';
import { anyOf, type Cursor, comma, refuseRepeated, syntaxError, unsupported, words } from './cursor.ts';

/** More shards than any cluster has cores only make small files. */
const maxShards = 65_536;

/** `(a, b)` after PARTITIONED BY. */
export function partitionColumns(cursor: Cursor): readonly Name[] {
  const columns = cursor.list(() => {
    const column = cursor.name('the name of a column');
    if (cursor.atSymbol('(')) {
      throw unsupported(
        'a table is partitioned by columns, not by expressions',
        column.offset,
        'add a column GENERATED ALWAYS AS (expression) and partition by that',
      );
    }
    return column;
  });
  refuseRepeated('partition column', columns);
  return columns;
}

/** `HASH (cols) INTO n SHARDS`, `RANGE (col) [SPLIT AT (v, ...)] [INTO n SHARDS]`, `ROUND ROBIN [INTO n SHARDS]`. */
export function shardingClause(cursor: Cursor, ...more: readonly string[]): ShardingClause {
  const { offset } = cursor;
  if (cursor.take('HASH')) {
    const columns = cursor.nameList('the name of a column');
    refuseRepeated('shard column', columns);
    cursor.expect('INTO');
    return { kind: 'hash', columns, shards: shardCount(cursor), offset };
  }
  if (cursor.take('RANGE')) {
    const [column, ...rest] = cursor.nameList('the name of a column');
    if (column === undefined || rest[0] !== undefined) {
      throw unsupported('a table is sharded by the range of one column', rest[0]?.offset ?? offset);
    }
    const splits = cursor.take('SPLIT') ? splitValues(cursor) : [];
    if (splits.length >= maxShards) throw tooManyShards(splits.length + 1, offset);
    const shards = splits.length === 0 ? takeShardCount(cursor) : undefined;
    return { kind: 'range', column, splits, shards, offset };
  }
  if (cursor.take('ROUND')) {
    cursor.expect('ROBIN');
    return { kind: 'roundRobin', shards: takeShardCount(cursor), offset };
  }
  throw cursor.error(['HASH', 'RANGE', 'ROUND ROBIN', ...more]);
}

function splitValues(cursor: Cursor): readonly Span[] {
  cursor.expect('AT');
  return cursor.list(() => cursor.span('a value', comma));
}

function takeShardCount(cursor: Cursor): number | undefined {
  return cursor.take('INTO') ? shardCount(cursor) : undefined;
}

/** `n SHARDS`. */
function shardCount(cursor: Cursor): number {
  const { offset } = cursor;
  const shards = cursor.integer('number of shards', 1);
  if (shards > maxShards) throw tooManyShards(shards, offset);
  if (shards !== 1 || !cursor.take('SHARD')) cursor.expect('SHARDS');
  return shards;
}

function tooManyShards(shards: number, position: number): SkeinError {
  return new SkeinError(
    SqlState.invalidParameterValue,
    `${shards} shards are more than ${maxShards}, the most that a table can have`,
    { position },
  );
}

/** `(name = value, ...)`; a name is words with dots, or a string. */
export function properties(cursor: Cursor): readonly Property[] {
  const found = cursor.list((): Property => {
    const name = propertyName(cursor);
    if (!cursor.takeSymbol('=')) throw cursor.error(['=']);
    return { ...name, value: cursor.literal('a string, a number or true or false') };
  });
  refuseRepeated('property', found);
  return found;
}

export function propertyName(cursor: Cursor): Name {
  if (cursor.peek()?.kind === 'string') {
    const { text, offset } = cursor.text('the name of a property');
    if (text === '') throw syntaxError('a name cannot be empty', offset);
    return { name: text, offset };
  }
  const parts = cursor.names('the name of a property', 10);
  return { name: parts.map(({ name }) => name).join('.'), offset: parts[0].offset };
}

/** `AT (VERSION => n)`, `AT (TIMESTAMP => e)`, `VERSION AS OF n`, `TIMESTAMP AS OF e`, if one stands here. */
export function takeVersionAt(cursor: Cursor): VersionAt | undefined {
  const { offset } = cursor;
  if (cursor.at('AT') && cursor.symbolAt(cursor.index + 1, '(')) {
    cursor.index += 2;
    const kind = cursor.oneOf('VERSION', 'TIMESTAMP');
    cursor.expectSymbol('=>');
    const at: VersionAt =
      kind === 'VERSION'
        ? { kind: 'version', version: cursor.integer('version number', 0), offset }
        : { kind: 'timestamp', timestamp: cursor.span('a timestamp', comma) };
    cursor.expectSymbol(')');
    return at;
  }
  if (cursor.take('VERSION')) {
    takeAsOf(cursor);
    return { kind: 'version', version: cursor.integer('version number', 0), offset };
  }
  if (cursor.take('TIMESTAMP')) {
    takeAsOf(cursor);
    return { kind: 'timestamp', timestamp: cursor.span('a timestamp', endOfTimestamp) };
  }
  return undefined;
}

const endOfTimestamp = anyOf(comma, words('LOCATION', 'WITH', 'TBLPROPERTIES', 'COMMENT'));

/** `[AS] OF`, both optional after RESTORE ... TO. */
function takeAsOf(cursor: Cursor): void {
  if (cursor.take('AS')) cursor.expect('OF');
}

/** `COMMENT [=] 'text'`, if one stands here. */
export function takeComment(cursor: Cursor): Text | undefined {
  if (!cursor.take('COMMENT')) return undefined;
  cursor.takeSymbol('=');
  return cursor.text('a comment in quotes');
}
