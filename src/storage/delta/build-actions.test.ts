import { describe, expect, it } from 'vitest';
import { SkeinError, SqlState } from '../../common/index.ts';
import type { DeltaAction } from './actions.ts';
import {
  append,
  changeRows,
  checkFilesExist,
  createTable,
  overwrite,
  rearrange,
  replaceTable,
  restore,
  shallowClone,
} from './build-actions.ts';
import { checkActions } from './check-actions.ts';
import { deletionVectorKey, encodeDeletionVectorName } from './deletion-vector.ts';
import { parseSchemaString } from './delta-schema.ts';
import type { DeltaSnapshot } from './delta-snapshot.ts';
import { crc32Of, replaceDeletionVectors, shardOf, toAddAction, toCdcAction } from './file-actions.ts';
import { testAdd, testMetadata, testProtocol, WritableStore } from './test-table.ts';

const uuid = '01234567-89ab-cdef-0123-456789abcdef';
const vector = {
  storageType: 'u',
  pathOrInlineDv: encodeDeletionVectorName(uuid),
  offset: 1,
  sizeInBytes: 4,
  cardinality: 2,
} as const;

const snapshot: DeltaSnapshot = {
  location: '/data/t',
  version: 3,
  timestampMs: 1,
  protocol: testProtocol,
  metadata: testMetadata,
  fields: parseSchemaString(testMetadata.schemaString, 'none', 't'),
  schema: [],
  columnMapping: 'none',
  files: [testAdd('f1', { stats: '{"numRecords":5}', tags: { 'skein.shard': '1' } }), testAdd('f2')],
  transactions: new Map(),
  domains: new Map(),
};

const written = {
  path: 'p=a/f.parquet',
  bytes: 7,
  rows: 3,
  partitionValues: { p: 'a' },
  stats: '{"numRecords":3,"minValues":{"a":1,"b":2}}',
  shard: 4,
  crc32: 0xabc,
};

const summary = (actions: readonly DeltaAction[]): string[] =>
  actions.map((action) => {
    if ('add' in action) return `+${action.add.path}${action.add.dataChange ? '' : ' moved'}`;
    if ('remove' in action) return `-${action.remove.path}${action.remove.dataChange ? '' : ' moved'}`;
    return Object.keys(action)[0] ?? '';
  });

describe('toAddAction', () => {
  it('carries shard and checksum in tags', () => {
    const add = toAddAction(written, { nowMs: 9.5, dataChange: true });
    expect(add).toEqual({
      path: 'p=a/f.parquet',
      partitionValues: { p: 'a' },
      size: 7,
      modificationTime: 9,
      dataChange: true,
      stats: written.stats,
      tags: { 'skein.shard': '4', 'skein.crc32': '00000abc' },
    });
    expect([shardOf(add), crc32Of(add)]).toEqual([4, 0xabc]);
    expect([shardOf({}), crc32Of({ tags: { 'skein.crc32': 'zz' } })]).toEqual([undefined, undefined]);
    expect(toCdcAction(written)).toMatchObject({ path: 'p=a/f.parquet', dataChange: false });
  });

  it('keeps statistics of the table’s columns only', () => {
    const statsColumns = [{ path: ['b'], type: { kind: 'scalar', name: 'INTEGER' } as const }];
    expect(toAddAction(written, { nowMs: 9, dataChange: true, statsColumns }).stats).toBe(
      '{"numRecords":3,"minValues":{"b":2}}',
    );
  });
});

describe('builders', () => {
  it('create, append, overwrite, rearrange', () => {
    const files = [testAdd('n')];
    expect(summary(createTable(testProtocol, testMetadata, files))).toEqual(['protocol', 'metaData', '+n']);
    expect(summary(append(files))).toEqual(['+n']);
    expect(summary(overwrite(snapshot, files, 5))).toEqual(['-f1', '-f2', '+n']);
    expect(summary(overwrite(snapshot, files, 5, ({ path }) => path === 'f2'))).toEqual(['-f2', '+n']);
    expect(summary(rearrange(snapshot.files, files, 5))).toEqual(['-f1 moved', '-f2 moved', '+n moved']);
  });

  it('tombstones say what they remove', () => {
    expect(overwrite(snapshot, [], 5.5)[0]).toEqual({
      remove: {
        path: 'f1',
        deletionTimestamp: 5,
        dataChange: true,
        extendedFileMetadata: true,
        partitionValues: {},
        size: 10,
        stats: '{"numRecords":5}',
        tags: { 'skein.shard': '1' },
      },
    });
  });

  it('replace a table, which keeps its id and gets the protocol that it needs', () => {
    const actions = replaceTable(snapshot, { ...testMetadata, id: 'other' }, ['deletionVectors'], [], 5);
    expect(summary(actions)).toEqual(['protocol', 'metaData', '-f1', '-f2']);
    expect(actions[1]).toMatchObject({ metaData: { id: testMetadata.id } });
    expect(actions[0]).toMatchObject({ protocol: { minReaderVersion: 3, minWriterVersion: 7 } });
  });

  it('change rows by files and by deletion vectors', () => {
    const [f1 = testAdd('')] = snapshot.files;
    const actions = changeRows(
      {
        rewritten: [testAdd('f2')],
        deletions: [{ file: f1, deletionVector: vector }],
        written: [testAdd('n')],
        changes: [toCdcAction(written)],
      },
      5,
    );
    expect(summary(actions)).toEqual(['-f2', '-f1', '+f1', '+n', 'cdc']);
    expect(actions[1]).not.toHaveProperty('remove.deletionVector');
    expect(actions[2]).toMatchObject({
      add: {
        deletionVector: vector,
        stats: '{"numRecords":5,"tightBounds":false}',
        tags: { 'skein.shard': '1' },
      },
    });
  });

  it('remove a file of which no row is left', () => {
    const [f1 = testAdd('')] = snapshot.files;
    const all = { ...vector, cardinality: 5 };
    expect(summary(replaceDeletionVectors([{ file: f1, deletionVector: all }], 5))).toEqual(['-f1']);
    expect(() => replaceDeletionVectors([{ file: testAdd('f2'), deletionVector: all }], 5)).toThrow(/f2/);
  });
});

describe('restore', () => {
  it('adds back, removes, and leaves what both have', () => {
    const target = { ...snapshot, version: 1, files: [testAdd('f0'), testAdd('f1')] };
    expect(summary(restore(snapshot, target, 5))).toEqual(['-f2', '+f0']);
  });

  it('goes back to another deletion vector, and to other metadata', () => {
    const now = { ...snapshot, files: [testAdd('f1', { deletionVector: vector })] };
    const metadata = { ...testMetadata, configuration: { 'delta.appendOnly': 'false', x: '1' } };
    const target = { ...snapshot, metadata, files: [testAdd('f1')] };
    const actions = restore(now, target, 5);
    expect(summary(actions)).toEqual(['metaData', '-f1', '+f1']);
    expect(actions[1]).toMatchObject({ remove: { deletionVector: vector } });
  });

  it('finds out which files were vacuumed', async () => {
    const store = new WritableStore('/data/t');
    store.set('a b', 'x');
    await checkFilesExist(store, [{ add: testAdd('a%20b') }, { add: testAdd('s3://other/f') }], undefined);
    const gone = checkFilesExist(store, [{ add: testAdd('a%20b', { deletionVector: vector }) }], undefined);
    await expect(gone).rejects.toMatchObject({ sqlState: SqlState.notInThisState });
    await expect(gone).rejects.toBeInstanceOf(SkeinError);
    store.set(deletionVectorKey(uuid), 'x');
    await checkFilesExist(store, [{ add: testAdd('a%20b', { deletionVector: vector }) }], undefined);
  });
});

describe('shallowClone', () => {
  it('names the files of the other table by absolute paths', () => {
    const files = [testAdd('p=a%20b/f', { deletionVector: vector }), testAdd('s3://other/f')];
    const local = shallowClone({ ...snapshot, files }, { ...testMetadata, id: 'new' });
    expect(summary(local)).toEqual(['protocol', 'metaData', '+file:///data/t/p=a%20b/f', '+s3://other/f']);
    expect(local[2]).toMatchObject({
      add: {
        deletionVector: {
          storageType: 'p',
          pathOrInlineDv: `file:///data/t/${deletionVectorKey(uuid)}`,
        },
      },
    });
    const remote = shallowClone(
      { ...snapshot, location: 's3://bucket/t', files: [testAdd('f')] },
      testMetadata,
    );
    expect(remote[2]).toMatchObject({ add: { path: 's3://bucket/t/f' } });
  });
});

describe('checkActions', () => {
  it('wants values of exactly the partition columns', () => {
    const metadata = { ...testMetadata, partitionColumns: ['a'] };
    const read = { ...snapshot, metadata };
    const add = (partitionValues: Record<string, string>): DeltaAction[] => [
      { add: testAdd('f', { partitionValues }) },
    ];
    expect(checkActions(add({ a: '1' }), read, 't')).toEqual({ protocol: testProtocol, metadata });
    expect(() => checkActions(add({}), read, 't')).toThrow(/partition columns a/);
    expect(() => checkActions(add({ a: '1', b: '2' }), read, 't')).toThrow(/partition columns a/);
  });

  it('wants the features that are used', () => {
    const dv: DeltaAction[] = [{ add: testAdd('f', { deletionVector: vector, stats: '{"numRecords":5}' }) }];
    expect(() => checkActions(dv, snapshot, 't')).toThrow(/deletion vectors need their feature/);
    const protocol = {
      minReaderVersion: 3,
      minWriterVersion: 7,
      readerFeatures: ['deletionVectors'],
      writerFeatures: ['deletionVectors'],
    };
    checkActions(dv, { ...snapshot, protocol }, 't');
    const metadata = { ...testMetadata, configuration: { 'delta.enableDeletionVectors': 'true' } };
    expect(() => checkActions([{ metaData: metadata }], snapshot, 't')).toThrow(/lacks the feature/);
    expect(() => checkActions([{ metaData: testMetadata }], undefined, 't')).toThrow(/needs a protocol/);
    const domain: DeltaAction = { domainMetadata: { domain: 'd', configuration: '', removed: false } };
    expect(() => checkActions([domain], snapshot, 't')).toThrow(/domains need/);
  });
});
