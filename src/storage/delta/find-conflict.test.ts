import { describe, expect, it } from 'vitest';
import type { AddAction, DeltaAction, RemoveAction } from './actions.ts';
import { findConflict, type LosingTransaction } from './find-conflict.ts';

const schemaString =
  '{"type":"struct","fields":[{"name":"a","type":"integer","nullable":true,"metadata":{}}]}';
const metadata = {
  id: 't',
  format: { provider: 'parquet', options: {} },
  schemaString,
  partitionColumns: ['p'],
  configuration: { x: '1' },
};
const protocol = { minReaderVersion: 1, minWriterVersion: 2 };

function add(path: string, p = 'a', changes: Partial<AddAction> = {}): { add: AddAction } {
  return {
    add: { path, partitionValues: { p }, size: 1, modificationTime: 1, dataChange: true, ...changes },
  };
}

function remove(path: string, changes: Partial<RemoveAction> = {}): { remove: RemoveAction } {
  return { remove: { path, dataChange: true, deletionTimestamp: 1, ...changes } };
}

const blind: DeltaAction = { commitInfo: { isBlindAppend: true } };
const seeing: DeltaAction = { commitInfo: { isBlindAppend: false } };

/** An UPDATE of partition `a`: rewrites f1. */
const update: LosingTransaction = {
  actions: [remove('f1'), add('f9')],
  reads: { kind: 'files', matches: (file) => file.partitionValues.p === 'a' },
  isolation: 'WriteSerializable',
  protocol,
  metadata,
  files: [add('f1').add, add('f2').add, add('f3', 'b').add],
  appId: undefined,
};
const append: LosingTransaction = { ...update, actions: [add('f9')], reads: { kind: 'nothing' } };
const compaction: LosingTransaction = {
  ...update,
  actions: [
    remove('f1', { dataChange: false }),
    remove('f2', { dataChange: false }),
    add('f9', 'a', { dataChange: false }),
  ],
  isolation: 'SnapshotIsolation',
};
const rearrange = (path: string): DeltaAction[] => [
  seeing,
  remove(path, { dataChange: false }),
  add(`${path}-compacted`, 'a', { dataChange: false }),
];

describe('a blind append', () => {
  it('follows whatever others did to rows', () => {
    for (const winning of [[blind, add('n')], [seeing, remove('f1'), add('n')], rearrange('f1')]) {
      expect(findConflict(append, winning)).toBeUndefined();
      expect(findConflict({ ...append, isolation: 'Serializable' }, winning)).toBeUndefined();
    }
  });

  it('does not follow a change of the table', () => {
    const upgrade = { protocol: { minReaderVersion: 1, minWriterVersion: 3 } };
    expect(findConflict(append, [upgrade])).toEqual({ kind: 'protocolChanged' });
    expect(findConflict(append, [{ protocol }])).toBeUndefined();
    const altered = { metaData: { ...metadata, configuration: {} } };
    expect(findConflict(append, [altered])).toEqual({ kind: 'metadataChanged' });
  });

  it('tolerates values given out of an identity column, unless it gives out some itself', () => {
    const marked = (mark: number): string =>
      schemaString.replace('"metadata":{}', `"metadata":{"delta.identity.highWaterMark":${mark}}`);
    const winning = [{ metaData: { ...metadata, schemaString: marked(7) } }];
    const before = { ...append, metadata: { ...metadata, schemaString: marked(3) } };
    expect(findConflict(before, winning)).toBeUndefined();
    const giving = { ...before, actions: [{ metaData: { ...metadata, schemaString: marked(5) } }] };
    expect(findConflict(giving, winning)).toEqual({ kind: 'metadataChanged' });
  });
});

describe('an update', () => {
  it('follows blind appends, but not where the table is serializable', () => {
    const winning = [blind, add('n')];
    expect(findConflict(update, winning)).toBeUndefined();
    const serializable: LosingTransaction = { ...update, isolation: 'Serializable' };
    expect(findConflict(serializable, winning)).toEqual({ kind: 'concurrentAppend', path: 'n' });
    expect(findConflict(serializable, [blind, add('n', 'b')])).toBeUndefined();
  });

  it('conflicts with files that it should have read', () => {
    expect(findConflict(update, [seeing, add('n')])).toEqual({ kind: 'concurrentAppend', path: 'n' });
    expect(findConflict(update, [add('n')])).toEqual({ kind: 'concurrentAppend', path: 'n' });
    expect(findConflict(update, [seeing, add('n', 'b')])).toBeUndefined();
  });

  it('conflicts with the removal of what it read', () => {
    expect(findConflict(update, [seeing, remove('f2')])).toEqual({
      kind: 'concurrentDeleteRead',
      path: 'f2',
    });
    expect(findConflict(update, [seeing, remove('f3')])).toBeUndefined();
    const whole: LosingTransaction = { ...update, reads: { kind: 'wholeTable' } };
    expect(findConflict(whole, [seeing, remove('f3')])).toEqual({
      kind: 'concurrentDeleteRead',
      path: 'f3',
    });
  });

  it('conflicts with whoever removes the same file, or rows of it', () => {
    const reason = { kind: 'concurrentDeleteDelete', path: 'f1' };
    expect(findConflict(update, [seeing, remove('f1')])).toEqual(reason);
    const deletionVector = { storageType: 'u', pathOrInlineDv: 'x', sizeInBytes: 1, cardinality: 1 } as const;
    const deleting = [seeing, remove('f1'), add('f1', 'a', { deletionVector })];
    expect(findConflict({ ...update, reads: { kind: 'nothing' } }, deleting)).toEqual(reason);
  });

  it('compares paths however they are escaped', () => {
    const losing = { ...update, actions: [remove('p=a%20b/f')] };
    expect(findConflict(losing, [remove('p=a b/f')])).toMatchObject({ kind: 'concurrentDeleteDelete' });
  });

  it('conflicts with a compaction only over the files that it removes itself', () => {
    expect(findConflict(update, rearrange('f2'))).toBeUndefined();
    expect(findConflict(update, rearrange('f1'))).toMatchObject({ kind: 'concurrentDeleteDelete' });
  });
});

describe('a compaction', () => {
  it('follows new rows, and removals elsewhere', () => {
    expect(findConflict(compaction, [blind, add('n')])).toBeUndefined();
    expect(findConflict(compaction, [seeing, add('n')])).toBeUndefined();
    expect(findConflict(compaction, [seeing, remove('f3')])).toBeUndefined();
  });

  it('conflicts with removals of its files', () => {
    expect(findConflict(compaction, [seeing, remove('f2')])).toMatchObject({
      kind: 'concurrentDeleteDelete',
    });
    expect(findConflict(compaction, rearrange('f2'))).toMatchObject({ kind: 'concurrentDeleteDelete' });
  });
});

describe('a change of the table', () => {
  it('that read all rows conflicts with blind appends', () => {
    const losing: LosingTransaction = {
      ...update,
      actions: [{ metaData: { ...metadata, configuration: { 'delta.constraints.c': 'a > 0' } } }],
      reads: { kind: 'wholeTable' },
    };
    expect(findConflict(losing, [blind, add('n')])).toEqual({ kind: 'concurrentAppend', path: 'n' });
  });
});

describe('everybody', () => {
  it('conflicts over one application, and over one domain', () => {
    expect(findConflict({ ...append, appId: 'app' }, [{ txn: { appId: 'app', version: 3 } }])).toEqual({
      kind: 'appTransaction',
      appId: 'app',
    });
    expect(findConflict(append, [{ txn: { appId: 'app', version: 3 } }])).toBeUndefined();
    const domain: DeltaAction = { domainMetadata: { domain: 'd', configuration: '{}', removed: false } };
    expect(findConflict({ ...append, actions: [domain] }, [domain])).toEqual({
      kind: 'domainMetadata',
      domain: 'd',
    });
  });
});
