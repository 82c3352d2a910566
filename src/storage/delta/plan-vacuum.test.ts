import { describe, expect, it } from 'vitest';
import type { ObjectInfo } from '../object-store/object-store.ts';
import { deletionVectorKey, encodeDeletionVectorName } from './deletion-vector.ts';
import type { DeltaSnapshot } from './delta-snapshot.ts';
import { planVacuum, type VacuumRequest } from './plan-vacuum.ts';
import { testField, text } from './test-fields.ts';
import { testAdd, testMetadata, testProtocol } from './test-table.ts';

const dayMs = 86_400_000;
const liveUuid = '01234567-89ab-cdef-0123-456789abcdef';
const goneUuid = '11234567-89ab-cdef-0123-456789abcdef';

const vector = (uuid: string) => ({
  storageType: 'u' as const,
  pathOrInlineDv: encodeDeletionVectorName(uuid),
  sizeInBytes: 4,
  cardinality: 1,
});

const snapshot: DeltaSnapshot = {
  location: '/data/t',
  version: 3,
  timestampMs: 1,
  protocol: testProtocol,
  metadata: { ...testMetadata, partitionColumns: ['_p'] },
  fields: [testField('_p', text)],
  schema: [],
  columnMapping: 'none',
  files: [
    testAdd('_p=a%20b/live.parquet', { deletionVector: vector(liveUuid) }),
    testAdd('file:///data/t/absolute.parquet'),
    testAdd('/other/place.parquet'),
  ],
  transactions: new Map(),
  domains: new Map(),
};

const tombstones = [
  { path: 'young-tombstone.parquet', dataChange: true, deletionTimestamp: 95 * dayMs },
  {
    path: 'old-tombstone.parquet',
    dataChange: true,
    deletionTimestamp: 50 * dayMs,
    deletionVector: vector(goneUuid),
  },
  { path: 'timeless.parquet', dataChange: true },
];

const object = (key: string, modifiedMs = dayMs): ObjectInfo => ({ key, bytes: 10, modifiedMs, etag: '' });

const objects = [
  object('.hidden/x.parquet'),
  object('_change_data/cdc.parquet'),
  object('_delta_log/00000000000000000000.json'),
  object('_other/x.parquet'),
  object('_p=a b/live.parquet'),
  object('_p=a b/orphan.parquet'),
  object('_p=a b/.orphan.crc'),
  object('absolute.parquet'),
  object(deletionVectorKey(goneUuid)),
  object(deletionVectorKey(liveUuid)),
  object('old-tombstone.parquet'),
  object('timeless.parquet'),
  object('young-orphan.parquet', 99 * dayMs),
  object('young-tombstone.parquet'),
];

const request: VacuumRequest = { snapshot, tombstones, objects, nowMs: 100 * dayMs };

describe('planVacuum', () => {
  it('deletes what nobody needs any more', () => {
    const { keys, bytes, cutoffMs } = planVacuum(request);
    expect(keys).toEqual([
      '_change_data/cdc.parquet',
      '_p=a b/orphan.parquet',
      deletionVectorKey(goneUuid),
      'old-tombstone.parquet',
      'timeless.parquet',
    ]);
    expect(bytes).toBe(50);
    expect(cutoffMs).toBe(93 * dayMs);
  });

  it('takes another retention, a shorter one only by force', () => {
    expect(planVacuum({ ...request, retentionMs: 60 * dayMs }).keys).not.toContain('old-tombstone.parquet');
    expect(() => planVacuum({ ...request, retentionMs: 0 })).toThrow(/shorter than/);
    expect(() => planVacuum({ ...request, retentionMs: -1, force: true })).toThrow(/negative/);
    const { keys } = planVacuum({ ...request, retentionMs: 0, force: true });
    expect(keys).toContain('young-orphan.parquet');
    expect(keys).toContain('young-tombstone.parquet');
    expect(keys).not.toContain('_p=a b/live.parquet');
  });

  it('asks for the protocol of every table', () => {
    const protocol = {
      minReaderVersion: 3,
      minWriterVersion: 7,
      readerFeatures: [],
      writerFeatures: ['new'],
    };
    expect(() => planVacuum({ ...request, snapshot: { ...snapshot, protocol } })).toThrow(/"new"/);
  });

  it('stops at a path that it does not understand', () => {
    const files = [testAdd('../outside.parquet')];
    expect(() => planVacuum({ ...request, snapshot: { ...snapshot, files } })).toThrow(/no path/);
  });
});
