import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Schema } from '../../types/index.ts';
import type { ObjectInfo } from '../object-store/object-store.ts';
import { cleanLog, planLogCleanup } from './clean-log.ts';
import { parseSchemaString } from './delta-schema.ts';
import type { DeltaSnapshot } from './delta-snapshot.ts';
import { batchOf } from './fake-table.ts';
import { canonicalJson, jsonChecksum } from './last-checkpoint.ts';
import { commitKey, formatVersion, lastCheckpointKey } from './log-files.ts';
import { maintainLog } from './maintain-log.ts';
import type { ParquetRows, ScratchFile } from './parquet-rows.ts';
import {
  seededRandom,
  standingClock,
  testAdd,
  testMetadata,
  testProtocol,
  WritableStore,
} from './test-table.ts';
import { writeCheckpoint } from './write-checkpoint.ts';

const dayMs = 86_400_000;

/** Keeps rows as JSON: `{ columns, rows }`. */
const jsonRows: ParquetRows = {
  async *readRows({ store, key }, values) {
    const { stream } = await store.get(key);
    const text = await new Response(stream).text();
    yield batchOf((JSON.parse(text) as { rows: unknown }).rows, values);
  },
  async writeRows(columns: Schema, rows): Promise<ScratchFile> {
    const parsed: unknown[] = [];
    for await (const text of rows) parsed.push(...(JSON.parse(text) as unknown[]));
    const folder = await mkdtemp(join(tmpdir(), 'rows-'));
    const path = join(folder, 'f');
    const text = JSON.stringify({ columns: columns.map(({ name }) => name), rows: parsed });
    await writeFile(path, text);
    return {
      path,
      bytes: text.length,
      [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
    };
  },
};

function snapshotOf(
  configuration: Record<string, string>,
  changes: Partial<DeltaSnapshot> = {},
): DeltaSnapshot {
  const metadata = { ...testMetadata, configuration };
  return {
    location: 'memory://table',
    version: 10,
    timestampMs: 1,
    protocol: testProtocol,
    metadata,
    fields: parseSchemaString(metadata.schemaString, 'none', 't'),
    schema: [],
    columnMapping: 'none',
    files: [testAdd('f1', { stats: '{"numRecords":1,"minValues":{"a":1}}' }), testAdd('f2')],
    transactions: new Map([
      ['old', { appId: 'old', version: 1, lastUpdated: 1 }],
      ['new', { appId: 'new', version: 2, lastUpdated: 100 * dayMs }],
    ]),
    domains: new Map(),
    ...changes,
  };
}

const tombstones = [
  { path: 'gone', dataChange: true, deletionTimestamp: 99 * dayMs, stats: '{}', tags: {} },
  { path: 'expired', dataChange: true, deletionTimestamp: 1 },
  { path: 'timeless', dataChange: true },
];

function fileOf(store: WritableStore, key: string): { columns: string[]; rows: Record<string, unknown>[] } {
  return JSON.parse(Buffer.from(store.bytesOf(key)).toString()) as ReturnType<typeof fileOf>;
}

async function write(snapshot: DeltaSnapshot): Promise<WritableStore> {
  const store = new WritableStore();
  await writeCheckpoint({
    store,
    parquet: jsonRows,
    snapshot,
    tombstones,
    nowMs: 100 * dayMs,
    random: seededRandom(1),
  });
  return store;
}

describe('writeCheckpoint', () => {
  it('writes one file of kind V1 and points to it', async () => {
    const store = await write(snapshotOf({ 'delta.setTransactionRetentionDuration': 'interval 1 day' }));
    const key = `_delta_log/${formatVersion(10)}.checkpoint.parquet`;
    expect(store.keys()).toEqual([key, lastCheckpointKey].sort());
    const { columns, rows } = fileOf(store, key);
    expect(columns).toEqual(['protocol', 'metaData', 'txn', 'add', 'remove']);
    expect(rows.map((row) => Object.keys(row)[0])).toEqual([
      'protocol',
      'metaData',
      'txn',
      'add',
      'add',
      'remove',
    ]);
    expect(rows[3]).toEqual({
      add: testAdd('f1', { dataChange: false, stats: '{"numRecords":1,"minValues":{"a":1}}' }),
    });
    expect(rows[5]).toEqual({
      remove: { path: 'gone', dataChange: false, deletionTimestamp: 99 * dayMs },
    });
    const last = JSON.parse(Buffer.from(store.bytesOf(lastCheckpointKey)).toString()) as {
      version: number;
      checksum: string;
    };
    expect(last).toMatchObject({ version: 10, numOfAddFiles: 2 });
    expect(last.checksum).toBe(jsonChecksum(last));
  });

  it('parses statistics and partition values where the table wants it', async () => {
    const snapshot = snapshotOf({
      'delta.checkpoint.writeStatsAsStruct': 'true',
      'delta.checkpoint.writeStatsAsJson': 'false',
    });
    const store = await write(snapshot);
    const { rows } = fileOf(store, `_delta_log/${formatVersion(10)}.checkpoint.parquet`);
    expect(rows[4]).toEqual({
      add: {
        ...testAdd('f1', { dataChange: false }),
        stats_parsed: { numRecords: 1, minValues: { a: 1 } },
      },
    });
  });

  it('writes sidecars where the table has kind V2', async () => {
    const protocol = {
      minReaderVersion: 3,
      minWriterVersion: 7,
      readerFeatures: ['v2Checkpoint'],
      writerFeatures: ['v2Checkpoint'],
    };
    const store = await write(snapshotOf({ 'delta.checkpointPolicy': 'v2' }, { protocol }));
    const key = store.keys().find((name) => name.includes('.checkpoint.')) ?? '';
    const sidecarKey = store.keys().find((name) => name.includes('/_sidecars/')) ?? '';
    expect(key).toMatch(/\/0{18}10\.checkpoint\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.parquet$/);
    const { columns, rows } = fileOf(store, key);
    expect(columns).toEqual(['protocol', 'metaData', 'txn', 'checkpointMetadata', 'sidecar']);
    expect(rows[0]).toMatchObject({ checkpointMetadata: { version: 10, tags: { numOfAddFiles: '2' } } });
    expect(rows.at(-1)).toMatchObject({ sidecar: { path: sidecarKey.split('/').at(-1) } });
    expect(fileOf(store, sidecarKey).rows.map((row) => Object.keys(row)[0])).toEqual([
      'add',
      'add',
      'remove',
    ]);
  });

  it('leaves a newer pointer alone', async () => {
    const store = new WritableStore();
    store.set(lastCheckpointKey, '{"version":20,"size":1}');
    const snapshot = snapshotOf({});
    const nowMs = 100 * dayMs;
    await writeCheckpoint({
      store,
      parquet: jsonRows,
      snapshot,
      tombstones: [],
      nowMs,
      random: seededRandom(1),
    });
    expect(Buffer.from(store.bytesOf(lastCheckpointKey)).toString()).toContain('20');
  });
});

describe('jsonChecksum', () => {
  it('is the one of the protocol', () => {
    const sample: unknown = JSON.parse(
      `{"k0":"'v 0'", "checksum": "adsaskfljadfkjadfkj", "k1":{"k2": 2, "k3": ["v3", [1, 2], {"k4": "v4", "k5": ["v5", "v6", "v7"]}]}}`,
    );
    expect(canonicalJson(sample as object)).toBe(
      '"k0"="%27v%200%27","k1"+"k2"=2,"k1"+"k3"+0="v3","k1"+"k3"+1+0=1,"k1"+"k3"+1+1=2,' +
        '"k1"+"k3"+2+"k4"="v4","k1"+"k3"+2+"k5"+0="v5","k1"+"k3"+2+"k5"+1="v6","k1"+"k3"+2+"k5"+2="v7"',
    );
    expect(jsonChecksum(sample as object)).toBe('6a92d155a59bf2eecbd4b4ec7fd1f875');
  });
});

function object(key: string, modifiedMs: number): ObjectInfo {
  return { key, bytes: 1, modifiedMs, etag: '' };
}

/** Commits of versions 0 to 9, one a day, with checkpoints at some. */
function log(...checkpoints: string[]): ObjectInfo[] {
  const commits = Array.from({ length: 10 }, (_, version) => object(commitKey(version), version * dayMs));
  return [...commits, ...checkpoints.map((name) => object(`_delta_log/${name}`, 0))];
}

describe('planLogCleanup', () => {
  const v4 = `${formatVersion(4)}.checkpoint.parquet`;
  const v2 = `${formatVersion(2)}.checkpoint.parquet`;

  it('keeps a checkpoint for the oldest kept version, and what follows it', () => {
    const crc = `${formatVersion(3)}.crc`;
    const compacted = `${formatVersion(4)}.${formatVersion(6)}.compacted.json`;
    const expired = planLogCleanup(log(v2, v4, crc, compacted), 9 * dayMs, 3 * dayMs);
    expect([...expired].sort()).toEqual([
      commitKey(0),
      commitKey(1),
      `_delta_log/${v2}`,
      commitKey(2),
      `_delta_log/${crc}`,
      commitKey(3),
      `_delta_log/${compacted}`,
    ]);
    expect(expired[0]).toBe(commitKey(0));
  });

  it('does nothing without a checkpoint that is old enough and complete', () => {
    expect(planLogCleanup(log(), 9 * dayMs, 3 * dayMs)).toEqual([]);
    expect(planLogCleanup(log(v4), 9 * dayMs, 6 * dayMs)).toEqual([]);
    const part = `${formatVersion(4)}.checkpoint.0000000001.0000000002.parquet`;
    expect(planLogCleanup(log(part), 9 * dayMs, 3 * dayMs)).toEqual([]);
    const whole = [part, part.replace('.0000000001.', '.0000000002.')];
    expect(planLogCleanup(log(...whole), 9 * dayMs, 3 * dayMs)).toHaveLength(4);
  });

  it('takes no version to be older than those before it', () => {
    const objects = log(v4);
    objects[0] = object(commitKey(0), 9 * dayMs);
    expect(planLogCleanup(objects, 9 * dayMs, 3 * dayMs)).toEqual([]);
  });
});

describe('cleanLog', () => {
  it('keeps sidecars that a checkpoint names, and young ones', async () => {
    const protocol = {
      minReaderVersion: 3,
      minWriterVersion: 7,
      readerFeatures: ['v2Checkpoint'],
      writerFeatures: ['v2Checkpoint'],
    };
    const snapshot = snapshotOf({ 'delta.checkpointPolicy': 'v2' }, { protocol });
    const store = await write(snapshot);
    for (const key of store.keys()) store.set(key, store.bytesOf(key), dayMs);
    store.set('_delta_log/_sidecars/orphan.parquet', 'x', dayMs);
    store.set('_delta_log/_sidecars/young.parquet', 'x', 100 * dayMs);
    const cleaned = await cleanLog({ store, parquet: jsonRows, snapshot, nowMs: 100 * dayMs });
    expect(cleaned).toEqual(['_delta_log/_sidecars/orphan.parquet']);
    expect(store.keys()).toContain('_delta_log/_sidecars/young.parquet');
  });

  it('leaves logs alone that want it', async () => {
    const off = snapshotOf({ 'delta.enableExpiredLogCleanup': 'false' });
    const store = new WritableStore();
    for (const { key, modifiedMs } of log(`${formatVersion(4)}.checkpoint.parquet`))
      store.set(key, 'x', modifiedMs);
    expect(await cleanLog({ store, parquet: jsonRows, snapshot: off, nowMs: 100 * dayMs })).toEqual([]);
    const on = snapshotOf({});
    expect(await cleanLog({ store, parquet: jsonRows, snapshot: on, nowMs: 100 * dayMs })).toHaveLength(4);
  });
});

describe('maintainLog', () => {
  const common = {
    configuration: {},
    parquet: jsonRows,
    clock: standingClock(100 * dayMs),
    random: seededRandom(1),
  };

  it('is due every so many versions', async () => {
    const store = new WritableStore();
    const load = async () => ({ snapshot: snapshotOf({}), tombstones });
    expect(await maintainLog({ ...common, store, load, version: 9 })).toEqual({ kind: 'notDue' });
    expect(await maintainLog({ ...common, store, load, version: 0 })).toEqual({ kind: 'notDue' });
    expect(await maintainLog({ ...common, store, load, version: 10 })).toMatchObject({
      kind: 'done',
      checkpoint: { version: 10, size: 7 },
    });
  });

  it('never fails the commit', async () => {
    const load = () => Promise.reject(new Error('lost'));
    const result = await maintainLog({ ...common, store: new WritableStore(), load, version: 10 });
    expect(result).toMatchObject({ kind: 'failed', error: { message: 'lost' } });
  });
});
