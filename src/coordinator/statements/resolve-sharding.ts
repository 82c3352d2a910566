import { SkeinError, SqlState } from '../../common/index.ts';
import type { ShardingClause } from '../../sql/index.ts';
import { type Sharding, shardClass } from '../../storage/index.ts';
import { formatType, quoteIdentifier, type Schema, type SqlType } from '../../types/index.ts';
import { columnPosition } from './delta-target.ts';
import type { StatementContext, StatementQuery } from './statement-context.ts';

export interface ShardedTable {
  readonly name: string;
  readonly schema: Schema;
  /** The rows that the table has or will have: where a range clause names no splits they decide. */
  readonly rows: StatementQuery | undefined;
}

/**
 * @throws SkeinError 42703 for a column that is not there, 42804 for one that has no hash or no order, 22023 where
 * nothing says where a range is to be split
 */
export async function resolveSharding(
  clause: ShardingClause,
  table: ShardedTable,
  context: StatementContext,
): Promise<Sharding> {
  const { schema, name } = table;
  switch (clause.kind) {
    case 'hash': {
      const columns = clause.columns.map((column) => {
        const position = columnPosition(schema, column, name);
        const type = schema[position]?.type;
        if (type !== undefined && shardClass(type) !== undefined) return position;
        throw new SkeinError(
          SqlState.datatypeMismatch,
          `rows cannot be placed by ${column.name}: it has no hash`,
          {
            position: column.offset,
          },
        );
      });
      return { kind: 'hash', columns, shards: clause.shards };
    }
    case 'range': {
      const position = columnPosition(schema, clause.column, name);
      const column = schema[position];
      if (column === undefined) throw new Error('a found column is there');
      const splits =
        clause.splits.length > 0
          ? await givenSplits(clause, column.type, context)
          : await foundSplits(clause, column.name, table.rows, context);
      return { kind: 'range', column: position, splits };
    }
    case 'roundRobin':
      return { kind: 'roundRobin', shards: clause.shards ?? Math.max(1, context.workers) };
  }
}

type RangeClause = Extract<ShardingClause, { kind: 'range' }>;

/** The splits in DuckDB's spelling, ascending, each once. */
async function givenSplits(
  { splits }: RangeClause,
  type: SqlType,
  context: StatementContext,
): Promise<readonly string[]> {
  const values = splits.map(({ sql }) => `CAST((${sql}) AS ${formatType(type)})`);
  const sql = `SELECT DISTINCT x FROM (SELECT unnest([${values.join(', ')}]) AS x) AS splits WHERE x IS NOT NULL`;
  return await textsOf(`SELECT CAST(x AS VARCHAR) FROM (${sql}) AS s ORDER BY s.x`, undefined, context);
}

/** Splits that cut the rows into equal parts. */
async function foundSplits(
  { shards, column: { offset } }: RangeClause,
  column: string,
  rows: StatementQuery | undefined,
  context: StatementContext,
): Promise<readonly string[]> {
  if (rows === undefined) {
    throw new SkeinError(SqlState.invalidParameterValue, 'nothing says where an empty table is to be split', {
      position: offset,
      hint: 'Give the splits: SHARDED BY RANGE (column) SPLIT AT (10, 20).',
    });
  }
  const count = shards ?? Math.max(1, context.workers);
  const shares = Array.from({ length: count - 1 }, (_, index) => ((index + 1) / count).toFixed(6));
  if (shares.length === 0) return [];
  const quantiles = `SELECT quantile_disc(${quoteIdentifier(column)}, [${shares.join(', ')}]) AS q FROM (${rows.sql}) AS r`;
  const sql = `SELECT DISTINCT x FROM (SELECT unnest(q) AS x FROM (${quantiles}) AS one) AS splits WHERE x IS NOT NULL`;
  return await textsOf(`SELECT CAST(x AS VARCHAR) FROM (${sql}) AS s ORDER BY s.x`, rows.tables, context);
}

async function textsOf(
  sql: string,
  tables: StatementQuery['tables'],
  context: StatementContext,
): Promise<readonly string[]> {
  const { rows } = await context.runRows({
    sql,
    offset: undefined,
    ...(tables === undefined ? {} : { tables }),
  });
  return rows.map(([text]) => String(text));
}
