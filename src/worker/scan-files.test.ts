import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { lineitemPath, lineitemRows } from '../../test/support/task-fixture.ts';
import { FileScanSchema } from '../rpc/index.ts';
import { ScanFiles } from './scan-files.ts';

describe('ScanFiles', () => {
  it('takes a file of which every row is wanted as a whole, and no other', async () => {
    const all = BigInt(lineitemRows);
    const ranges = [
      { firstRow: 0n, rowCount: all },
      { firstRow: 0n, rowCount: all - 1n },
      { firstRow: 1n, rowCount: all - 1n },
      {},
    ];
    const splits = ranges.map((range) => ({ path: lineitemPath, ...range }));
    const checked = await new ScanFiles().open(
      create(FileScanSchema, { format: 'parquet', splits }),
      [],
      new AbortController().signal,
    );
    expect(checked.splits.map(({ firstRow, rowCount }) => [firstRow, rowCount])).toEqual([
      [undefined, undefined],
      [0n, all - 1n],
      [1n, all - 1n],
      [undefined, undefined],
    ]);
    expect(checked.rows).toBe(4 * lineitemRows - 2);
  });
});
