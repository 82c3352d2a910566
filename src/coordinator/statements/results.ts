import { type Schema, scalar } from '../../types/index.ts';
import type { StatementResult } from './statement-context.ts';

/** What a statement answers that gives no rows. */
export const noRows: StatementResult = { columns: [], rows: [] };

export const countColumns: Schema = [{ name: 'Count', type: scalar('BIGINT') }];

/** What DML answers, as DuckDB does: the rows it inserted, changed or deleted. */
export function countResult(rows: number): StatementResult {
  return { columns: countColumns, rows: [[BigInt(rows)]] };
}
