import { describe, expect, it } from 'vitest';
import { parseLogEntry } from './log-entry.ts';

const add = { path: 'a', partitionValues: {}, size: 1, modificationTime: 2, dataChange: true };

function parse(...lines: readonly unknown[]) {
  return parseLogEntry(
    Buffer.from(lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n')),
    '/t/x.json',
  );
}

describe('parseLogEntry', () => {
  it('takes nulls as absent, and leaves out actions and fields that it does not know', () => {
    const odd = { ...add, stats: null, tags: null, deletionVector: null, partitionValues: null, new: 1 };
    expect(parse({ add: odd, remove: null }, { later: { a: 1 } }, '')).toEqual([{ add }]);
  });

  it('takes a last line with or without an end', () => {
    const line = JSON.stringify({ txn: { appId: 'a', version: 3 } });
    const expected = [{ txn: { appId: 'a', version: 3 } }];
    expect(parse(line)).toEqual(expected);
    expect(parse(`${line}\n`)).toEqual(expected);
    expect(parse(`${line}\r\n`)).toEqual(expected);
  });

  it('reads every kind of action', () => {
    const deletionVector = {
      storageType: 'u',
      pathOrInlineDv: 'x',
      offset: 1,
      sizeInBytes: 2,
      cardinality: 3,
    };
    const actions = [
      { commitInfo: { timestamp: 1, operation: 'WRITE', operationMetrics: { a: '1' }, other: [1] } },
      { protocol: { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['x'], writerFeatures: [] } },
      {
        metaData: {
          id: 'i',
          format: { provider: 'parquet', options: {} },
          schemaString: '{}',
          partitionColumns: ['p'],
          configuration: { a: 'b' },
        },
      },
      {
        add: {
          ...add,
          partitionValues: { p: null },
          stats: '{}',
          tags: { a: 'b' },
          deletionVector,
          baseRowId: 1,
        },
      },
      { remove: { path: 'b', dataChange: false, deletionTimestamp: 1, extendedFileMetadata: true, size: 1 } },
      { domainMetadata: { domain: 'd', configuration: '{}', removed: true } },
      { cdc: { path: 'c', partitionValues: {}, size: 1, dataChange: false } },
    ];
    expect(parse(...actions)).toEqual(actions);
  });

  it('says nothing against what writers put into commitInfo', () => {
    expect(parse({ commitInfo: { timestamp: 'now', operation: 5, x: true } })).toEqual([
      { commitInfo: { x: true } },
    ]);
  });

  it.each([
    ['an empty file', [''], 'is empty'],
    ['a line cut short', [{ add }, '{"add":{"pa'], 'line 2'],
    ['zeros at the end', [{ add }, '\0\0\0'], 'line 2'],
    ['a number', ['5'], 'the action is no object'],
    ['an add without a path', [{ add: { ...add, path: undefined } }], 'path is no string'],
    ['a size as text', [{ add: { ...add, size: '5' } }], 'size is no integer'],
    ['a partition value as number', [{ add: { ...add, partitionValues: { p: 5 } } }], 'partition value'],
    ['an integer of more than 53 bits', ['{"txn":{"appId":"a","version":9007199254740993}}'], '53 bits'],
    [
      'another kind of vector',
      [{ add: { ...add, deletionVector: { storageType: 'x' } } }],
      'unknown kind "x"',
    ],
  ])('names file and line of %s', (_, lines, problem) => {
    expect(() => parse(...lines)).toThrow(
      expect.objectContaining({
        sqlState: 'XX001',
        details: { path: '/t/x.json' },
        message: expect.stringContaining(problem) as string,
      }),
    );
  });

  it('finds every way to cut an entry short, but after its last brace', () => {
    const bytes = Buffer.from(`${JSON.stringify({ add: { ...add, path: 'ä' } })}\n`);
    for (let length = 0; length < bytes.length - 1; length++)
      expect(() => parseLogEntry(bytes.subarray(0, length), '/t')).toThrow(
        expect.objectContaining({ sqlState: 'XX001' }),
      );
  });
});
