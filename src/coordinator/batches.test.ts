import { expect, test } from 'vitest';
import type { RecordBatch } from '../types/index.ts';
import { watched } from './batches.ts';

test('tells when the reader waits, has what it asked for, and goes', async () => {
  const seen: string[] = [];
  const batch: RecordBatch = { schema: [], rowCount: 0, columns: [] };
  async function* batches(): AsyncGenerator<RecordBatch, void> {
    seen.push('made');
    yield batch;
    yield batch;
  }
  const rows = watched(batches(), {
    onAsked: () => seen.push('asked'),
    onGiven: () => seen.push('given'),
    onReturn: () => seen.push('gone'),
  });
  for await (const _ of rows) break;
  expect(seen).toEqual(['asked', 'made', 'given', 'gone']);
});
