import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { lineitemPath, lineitemRows } from '../../test/support/task-fixture.ts';
import { SkeinError, SqlState } from '../common/index.ts';
import { FileScanSchema } from '../rpc/index.ts';
import type { RemoteFiles } from './remote-files.ts';
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

  it('gives back what it opened where another file cannot be had, also what came after the error', async () => {
    const held = new Set<string>();
    const remoteFiles: RemoteFiles = {
      async open(location) {
        if (location.endsWith('/broken')) throw new SkeinError(SqlState.ioError, 'broken');
        await new Promise((resolve) => setTimeout(resolve, 20));
        held.add(location);
        const letGo = async (): Promise<void> => {
          held.delete(location);
        };
        return { localPath: lineitemPath, release: letGo, reject: letGo, [Symbol.asyncDispose]: letGo };
      },
    };
    const splits = ['s3://b/late', 's3://b/broken'].map((path) => ({ path }));
    const scan = create(FileScanSchema, { format: 'csv', splits });
    const opening = new ScanFiles(remoteFiles).open(scan, [], new AbortController().signal);
    await expect(opening).rejects.toThrow('broken');
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect([...held]).toEqual([]);
  });
});
