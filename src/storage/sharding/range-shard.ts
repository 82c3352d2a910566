import { formatType, quoteLiteral, type SqlType } from '../../types/index.ts';

/**
 * The row's shard of a range-sharded table as an INTEGER expression: shard i holds the values from `splits[i - 1]` up to
 * before `splits[i]`, and the last one NULLs too.
 * @param splits ascending, in DuckDB's spelling
 */
export function rangeShardSql(column: string, type: SqlType, splits: readonly string[]): string {
  const typeName = formatType(type);
  /** A search tree: a row passes as many comparisons as its depth. NULL < split is not true, so NULLs go right. */
  const tree = (first: number, last: number): string => {
    if (first === last) return String(first);
    const middle = Math.floor((first + last) / 2);
    const split = `CAST(${quoteLiteral(splits[middle] ?? '')} AS ${typeName})`;
    return `CASE WHEN ${column} < ${split} THEN ${tree(first, middle)} ELSE ${tree(middle + 1, last)} END`;
  };
  return `CAST(${tree(0, splits.length)} AS INTEGER)`;
}
