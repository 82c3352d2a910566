import type { RecordBatch, SqlValue } from '../../types/index.ts';

/** The texts that `render` gives for each row, in order, joined. */
export function mapRows(batch: RecordBatch, render: (row: readonly SqlValue[]) => string): string {
  const texts: string[] = [];
  for (let index = 0; index < batch.rowCount; index++) {
    texts.push(render(batch.columns.map((column) => column[index] ?? null)));
  }
  return texts.join('');
}
