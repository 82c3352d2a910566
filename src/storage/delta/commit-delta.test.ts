import { describe, expect, it } from 'vitest';
import { SkeinError, SqlState } from '../../common/index.ts';
import type { CommitInfo, DeltaAction } from './actions.ts';
import { type CommitRequest, type CommitResult, commitDelta } from './commit-delta.ts';
import { storeCommitLog } from './commit-log.ts';
import { commitKey } from './log-files.ts';
import {
  type PutFault,
  replay,
  seededRandom,
  standingClock,
  testAdd,
  testMetadata,
  testProtocol,
  WritableStore,
} from './test-table.ts';

const create: DeltaAction[] = [{ protocol: testProtocol }, { metaData: testMetadata }];

function request(store: WritableStore, changes: Partial<CommitRequest>): CommitRequest {
  return {
    store,
    log: storeCommitLog(store),
    read: 'new table',
    actions: [],
    reads: { kind: 'nothing' },
    operation: 'WRITE',
    engineInfo: 'test',
    clock: standingClock(),
    random: seededRandom(1),
    ...changes,
  };
}

async function newTable(actions: readonly DeltaAction[] = create): Promise<WritableStore> {
  const store = new WritableStore();
  expect(await commitDelta(request(store, { actions, operation: 'CREATE TABLE' }))).toMatchObject({
    kind: 'committed',
    version: 0,
  });
  return store;
}

const append = (path: string): DeltaAction[] => [{ add: testAdd(path) }];

function infoOf(store: WritableStore, version: number): CommitInfo {
  const [line = ''] = Buffer.from(store.bytesOf(commitKey(version)))
    .toString()
    .split('\n');
  return (JSON.parse(line) as { commitInfo: CommitInfo }).commitInfo;
}

describe('commitDelta', () => {
  it('creates a table, and only where there is none', async () => {
    const store = await newTable();
    expect(store.keys()).toEqual([commitKey(0)]);
    expect(await commitDelta(request(store, { actions: create }))).toEqual({
      kind: 'conflict',
      with: 0,
      reason: { kind: 'tableExists' },
    });
    store.remove(commitKey(0));
    store.set('_delta_log/00000000000000000005.checkpoint.parquet', '');
    expect(await commitDelta(request(store, { actions: create }))).toMatchObject({
      kind: 'conflict',
      reason: { kind: 'tableExists' },
    });
  });

  it('writes commitInfo first, files last, and times that go up', async () => {
    const store = await newTable();
    const read = await replay(store);
    const clock = standingClock(read.timestampMs - 5000);
    const result = await commitDelta(
      request(store, {
        read,
        actions: append('f1'),
        appTransaction: { appId: 'app', version: 4 },
        clock,
        operationParameters: { mode: 'Append' },
        operationMetrics: { numFiles: '1' },
      }),
    );
    expect(result).toMatchObject({ kind: 'committed', version: 1, timestampMs: read.timestampMs + 1 });
    const lines = Buffer.from(store.bytesOf(commitKey(1)))
      .toString()
      .trim()
      .split('\n');
    expect(lines.map((line) => Object.keys(JSON.parse(line) as object)[0])).toEqual([
      'commitInfo',
      'txn',
      'add',
    ]);
    expect(infoOf(store, 1)).toMatchObject({
      timestamp: read.timestampMs + 1,
      operation: 'WRITE',
      operationParameters: { mode: 'Append' },
      operationMetrics: { numFiles: '1' },
      readVersion: 0,
      isBlindAppend: true,
      isolationLevel: 'WriteSerializable',
      engineInfo: 'test',
    });
    expect(infoOf(store, 1).inCommitTimestamp).toBeUndefined();
  });

  it('commits an application transaction once', async () => {
    const store = await newTable();
    const stale = await replay(store);
    const appTransaction = { appId: 'app', version: 4 };
    const commit = (changes: Partial<CommitRequest>): Promise<CommitResult> =>
      commitDelta(request(store, { actions: append('f1'), appTransaction, ...changes }));
    expect(await commit({ read: stale })).toMatchObject({ kind: 'committed', version: 1 });
    expect(await commit({ read: await replay(store) })).toEqual({ kind: 'duplicate', version: 1 });
    expect(await commit({ read: stale, random: seededRandom(2) })).toEqual({
      kind: 'duplicate',
      version: 1,
    });
    const later = { appId: 'app', version: 5 };
    const behind = { read: stale, appTransaction: later, random: seededRandom(3) };
    expect(await commit(behind)).toMatchObject({ kind: 'conflict', reason: { kind: 'appTransaction' } });
  });

  it('refuses what a feature forbids before anything is written', async () => {
    const configuration = { 'delta.appendOnly': 'true' };
    const store = await newTable([
      { protocol: testProtocol },
      { metaData: { ...testMetadata, configuration } },
    ]);
    const read = await replay(store);
    const remove = (dataChange: boolean): DeltaAction[] => [{ remove: { path: 'f', dataChange } }];
    const commit = (actions: DeltaAction[], changes: Partial<CommitRequest> = {}): Promise<CommitResult> =>
      commitDelta(request(store, { read, actions, ...changes }));
    await expect(commit(remove(true))).rejects.toMatchObject({ sqlState: SqlState.notInThisState });
    expect(await commit(remove(false))).toMatchObject({ kind: 'committed' });
    const foreign = { ...read, protocol: { ...testProtocol, minWriterVersion: 7, writerFeatures: ['new'] } };
    await expect(commit(append('f'), { read: foreign })).rejects.toMatchObject({ sqlState: '0A000' });
    await expect(commit([...append('f'), ...append('f')])).rejects.toThrow(/add f twice/);
  });

  it('does not create entries again that the log has cleaned up', async () => {
    const store = await newTable();
    const read = await replay(store);
    store.set(commitKey(7), '{}');
    expect(await commitDelta(request(store, { read, actions: append('f') }))).toEqual({
      kind: 'conflict',
      with: 7,
      reason: { kind: 'snapshotExpired' },
    });
  });

  it('gives up after too many lost races', async () => {
    const store = await newTable();
    const read = await replay(store);
    let version = 1;
    store.fault = (key) => {
      store.set(key, '{"commitInfo":{"isBlindAppend":true}}\n');
      version += 1;
      return 'none';
    };
    const readAtMs = standingClock().time;
    const result = await commitDelta(
      request(store, { read, actions: append('f'), readAtMs, maxAttempts: 3 }),
    );
    expect(result).toMatchObject({ kind: 'conflict', reason: { kind: 'attemptsExhausted', attempts: 3 } });
    expect(version).toBe(4);
  });

  it('stops when its signal says so, with nothing written', async () => {
    const store = await newTable();
    const read = await replay(store);
    const controller = new AbortController();
    store.fault = (key) => {
      store.set(key, '{"commitInfo":{"isBlindAppend":true}}\n');
      controller.abort(new Error('enough'));
      return 'none';
    };
    const signal = controller.signal;
    await expect(commitDelta(request(store, { read, actions: append('f'), signal }))).rejects.toThrow(
      'enough',
    );
  });
});

describe('in-commit timestamps', () => {
  const configuration = { 'delta.enableInCommitTimestamps': 'true' };
  const protocol = { minReaderVersion: 1, minWriterVersion: 7, writerFeatures: ['inCommitTimestamp'] };

  it('are in every commit, one after the other, whatever clocks say', async () => {
    const store = await newTable([{ protocol }, { metaData: { ...testMetadata, configuration } }]);
    const first = infoOf(store, 0).inCommitTimestamp ?? 0;
    expect(first).toBeGreaterThan(0);
    const stale = await replay(store);
    const clock = standingClock(5);
    await commitDelta(request(store, { read: stale, actions: append('f1'), clock }));
    await commitDelta(request(store, { read: stale, actions: append('f2'), clock, random: seededRandom(2) }));
    expect([infoOf(store, 1), infoOf(store, 2)].map((info) => info.inCommitTimestamp)).toEqual([
      first + 1,
      first + 2,
    ]);
    expect((await replay(store)).metadata.configuration).toEqual(configuration);
  });

  it('say since when they are there', async () => {
    const store = await newTable();
    const stale = await replay(store);
    await commitDelta(request(store, { read: stale, actions: append('f1') }));
    store.now = 1_800_000_000_000;
    store.set(commitKey(1), store.bytesOf(commitKey(1)), store.now);
    const enable: DeltaAction[] = [{ protocol }, { metaData: { ...testMetadata, configuration } }];
    const result = await commitDelta(
      request(store, { read: stale, actions: enable, random: seededRandom(2) }),
    );
    expect(result).toMatchObject({ kind: 'committed', version: 2 });
    expect(infoOf(store, 2).inCommitTimestamp).toBe(store.now + 1);
    expect((await replay(store)).metadata.configuration).toMatchObject({
      'delta.inCommitTimestampEnablementVersion': '2',
      'delta.inCommitTimestampEnablementTimestamp': String(store.now + 1),
    });
  });
});

describe('an answer that is lost', () => {
  async function withFaults(
    faults: readonly PutFault[],
    failure?: Error,
  ): Promise<[WritableStore, CommitResult]> {
    const store = await newTable();
    const read = await replay(store);
    const left = [...faults];
    store.fault = () => left.shift() ?? 'none';
    if (failure !== undefined) store.failure = () => failure;
    return [store, await commitDelta(request(store, { read, actions: append('f1') }))];
  }

  it('of a put that was applied is success, once', async () => {
    const [store, result] = await withFaults(['appliedButFails']);
    expect(result).toMatchObject({ kind: 'committed', version: 1 });
    expect(store.keys()).toEqual([commitKey(0), commitKey(1)]);
  });

  it('of a put that was not applied leads to another try, without a gap', async () => {
    const [store, result] = await withFaults(['notAppliedButFails', 'notAppliedButFails']);
    expect(result).toMatchObject({ kind: 'committed', version: 1 });
    expect(store.keys()).toEqual([commitKey(0), commitKey(1)]);
  });

  it('and comes as a refusal of its own content is success', async () => {
    const [store, result] = await withFaults(['appliedButExists']);
    expect(result).toMatchObject({ kind: 'committed', version: 1 });
    expect(store.keys()).toEqual([commitKey(0), commitKey(1)]);
  });

  it('is not made up where the store refuses for good', async () => {
    const refusal = new SkeinError(SqlState.insufficientPrivilege, 'no');
    await expect(withFaults(['refused'], refusal)).rejects.toBe(refusal);
  });

  it('is said to be unknown where nothing can be read back', async () => {
    const store = await newTable();
    const read = await replay(store);
    store.fault = () => 'appliedButFails';
    const log = { commit: () => Promise.reject(new Error('still lost')) };
    const failure = await commitDelta(request(store, { read, log, actions: append('f1') })).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ sqlState: SqlState.completionUnknown, details: { version: '1' } });
    const details = (failure as SkeinError).details;
    expect(infoOf(store, 1).txnId).toBe(details.txnId);
  });

  it('is said to be unknown where the transaction is aborted meanwhile', async () => {
    const store = await newTable();
    const read = await replay(store);
    const controller = new AbortController();
    store.fault = () => {
      controller.abort(new Error('enough'));
      return 'notAppliedButFails';
    };
    const commit = commitDelta(request(store, { read, actions: append('f1'), signal: controller.signal }));
    await expect(commit).rejects.toMatchObject({ sqlState: SqlState.completionUnknown });
  });
});

describe('many writers', () => {
  const faults: readonly PutFault[] = [
    'none',
    'none',
    'appliedButFails',
    'notAppliedButFails',
    'appliedButExists',
  ];

  it.each([1, 2, 3])('append at once, each acknowledged commit once, seed %i', async (seed) => {
    const random = seededRandom(seed);
    const store = new WritableStore('memory://race', random);
    await commitDelta(request(store, { actions: create }));
    store.fault = () => faults[Math.floor(random.next() * faults.length)] ?? 'none';
    const writers = Array.from({ length: 12 }, async (_, writer) => {
      const acknowledged: string[] = [];
      for (let round = 0; round < 5; round += 1) {
        const path = `w${writer}-${round}`;
        const read = await replay(store);
        const result = await commitDelta(
          request(store, { read, actions: append(path), random, readAtMs: standingClock().time }),
        );
        expect(result.kind, `seed ${seed}`).toBe('committed');
        acknowledged.push(`${result.kind === 'committed' ? result.version : -1}:${path}`);
      }
      return acknowledged;
    });
    const acknowledged = (await Promise.all(writers)).flat();
    expect(store.keys()).toEqual(Array.from({ length: 61 }, (_, version) => commitKey(version)));
    const written = store.keys().flatMap((key, version) => {
      const actions = Buffer.from(store.bytesOf(key)).toString().trim().split('\n');
      return actions.flatMap((line) => {
        const action = JSON.parse(line) as DeltaAction;
        return 'add' in action ? [`${version}:${action.add.path}`] : [];
      });
    });
    expect(written.sort()).toEqual(acknowledged.sort());
  });

  it.each([4, 5])('update one counter without losing an update, seed %i', async (seed) => {
    const random = seededRandom(seed);
    const store = new WritableStore('memory://counter', random);
    await commitDelta(request(store, { actions: [...create, { add: testAdd('count-0') }] }));
    store.fault = () => faults[Math.floor(random.next() * faults.length)] ?? 'none';
    let conflicts = 0;
    const increment = async (): Promise<void> => {
      for (;;) {
        const read = await replay(store);
        const [file] = read.files;
        const count = Number(file?.path.split('-')[1]);
        const actions: DeltaAction[] = [
          { remove: { path: file?.path ?? '', dataChange: true, deletionTimestamp: 1 } },
          { add: testAdd(`count-${count + 1}`) },
        ];
        const reads = { kind: 'files', matches: () => true } as const;
        const result = await commitDelta(request(store, { read, actions, reads, random }));
        if (result.kind === 'committed') return;
        conflicts += 1;
      }
    };
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let round = 0; round < 3; round += 1) await increment();
      }),
    );
    const { files, version } = await replay(store);
    expect(files.map(({ path }) => path)).toEqual(['count-24']);
    expect(version).toBe(24);
    expect(conflicts).toBeGreaterThan(0);
  });
});
