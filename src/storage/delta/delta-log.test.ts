import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeltaAction } from './actions.ts';
import type { Commit } from './delta-log.ts';
import type { DeltaSnapshot } from './delta-snapshot.ts';
import { add, creation, FakeTable, metaData, protocol, remove } from './fake-table.ts';
import { commitKey } from './log-files.ts';

function paths({ files }: DeltaSnapshot): readonly string[] {
  return files.map(({ path }) => path);
}

/** A table of one file a version. */
function grown(versions: number): FakeTable {
  const table = new FakeTable();
  table.commit(0, [...creation, add('f0')]);
  for (let version = 1; version < versions; version++) table.commit(version, [add(`f${version}`)]);
  return table;
}

const vector = (name: string) =>
  ({ storageType: 'u', pathOrInlineDv: name, offset: 1, sizeInBytes: 1, cardinality: 1 }) as const;

describe('replay', () => {
  it('keeps the newest action of each file, application and domain', async () => {
    const table = new FakeTable();
    table.commit(0, [...creation, add('a'), add('b'), add('c d')]);
    table.commit(1, [remove('a'), remove('c%20d'), { txn: { appId: 'x', version: 1 } }]);
    table.commit(2, [
      add('a', { stats: '{}' }),
      { txn: { appId: 'x', version: 0 } },
      { domainMetadata: { domain: 'd', configuration: '1', removed: false } },
      { domainMetadata: { domain: 'e', configuration: '1', removed: false } },
    ]);
    table.commit(3, [
      add('b', { deletionVector: vector('v') }),
      remove('b'),
      { domainMetadata: { domain: 'e', configuration: '', removed: true } },
    ]);
    const snapshot = await table.log.snapshot();
    expect(snapshot.files).toEqual([
      add('a', { stats: '{}' }).add,
      add('b', { deletionVector: vector('v') }).add,
    ]);
    expect([...snapshot.transactions.values()]).toEqual([{ appId: 'x', version: 0 }]);
    expect([...snapshot.domains.keys()]).toEqual(['d']);
    expect(snapshot).toMatchObject({ location: 'memory://table', version: 3, timestampMs: 3000 });
    expect(snapshot.schema.map(({ name }) => name)).toEqual(['id', 'at']);
    expect(paths(await table.log.snapshot({ version: 0 }))).toEqual(['a', 'b', 'c d']);
  });

  it('is the same by whichever files of the log, and by what comes after a known version', async () => {
    const action = fc.oneof(
      fc.nat(6).map((file) => [add(`f${file}`)]),
      fc.nat(6).map((file) => [remove(`f${file}`)]),
      fc
        .tuple(fc.nat(6), fc.nat(3))
        .map(([file, name]) => [remove(`f${file}`), add(`f${file}`, { deletionVector: vector(`v${name}`) })]),
      fc.nat(9).map((version) => [{ txn: { appId: 'app', version } }]),
    );
    const commits = fc.array(fc.array(action, { maxLength: 3 }), { minLength: 1, maxLength: 9 });
    await fc.assert(
      fc.asyncProperty(commits, fc.nat(8), fc.nat(8), fc.nat(8), async (lists, at, from, hint) => {
        const commitInfo = { operation: 'any' };
        const entries: DeltaAction[][] = lists.map((list) => [{ commitInfo }, ...list.flat()]);
        entries[0] = [...creation, ...(entries[0] ?? [])];
        const plain = new FakeTable();
        const other = new FakeTable();
        for (const [version, entry] of entries.entries()) {
          plain.commit(version, entry);
          other.commit(version, entry);
          if (version === hint) await other.log.snapshot();
        }
        const last = entries.length - 1;
        const expected = await plain.log.snapshot();
        expect(await other.log.snapshot()).toEqual(expected);
        if (at <= last) {
          const middle = await plain.log.snapshot({ version: at });
          other.checkpoint(at, [...rowsOf(middle), { remove: { path: 'gone', dataChange: false } }]);
          other.hint(hint);
          const compacted = entries
            .slice(from, at + 2)
            .flat()
            .filter((each) => !('commitInfo' in each));
          if (from < at + 1 && at + 1 <= last) other.compaction(from, at + 1, compacted);
        }
        const again = await other.open().snapshot();
        expect(byKey(again)).toEqual(byKey(expected));
      }),
      { numRuns: 150 },
    );
  });
});

function rowsOf({ files, transactions }: DeltaSnapshot): readonly object[] {
  return [
    ...files.map((file) => ({ add: file })),
    { metaData },
    ...[...transactions.values()].map((txn) => ({ txn })),
    { protocol },
  ];
}

/** Without the order of files: a checkpoint keeps its own. */
function byKey({ files, ...rest }: DeltaSnapshot): object {
  return { ...rest, files: files.map((file) => JSON.stringify(file)).sort() };
}

describe('the latest snapshot', () => {
  it('costs two probes where nothing is new, and only what is new otherwise', async () => {
    const { log, store, commit } = bound(grown(5));
    const first = await log.snapshot();
    store.gets.length = 0;
    store.lists = 0;
    expect(await log.snapshot()).toBe(first);
    expect((await log.snapshot()).version).toBe(4);
    expect([store.gets, store.lists]).toEqual([[], 0]);
    commit(5, [remove('f1'), add('f5')]);
    expect((await log.snapshot()).version).toBe(5);
    const next = await log.snapshot();
    expect(paths(next)).toEqual(['f0', 'f2', 'f3', 'f4', 'f5']);
    expect(store.gets).toEqual([commitKey(5)]);
    expect(next.fields).toBe(first.fields);
    expect(paths(first)).toHaveLength(5);
  });

  it('is loaded once for all who wait, and anew for who comes later', async () => {
    const { log, store, commit } = bound(grown(3));
    const early = [log.snapshot(), log.snapshot()];
    commit(3, [add('f3')]);
    const late = log.snapshot();
    expect((await late).version).toBe(3);
    await Promise.all(early);
    expect(store.gets.filter((key) => key === commitKey(0))).toHaveLength(1);
  });

  it('leaves a load to others where one gives up', async () => {
    const table = grown(2);
    const abort = new AbortController();
    const given = table.log.snapshot({ signal: abort.signal });
    const other = table.log.snapshot();
    abort.abort(new Error('given up'));
    await expect(given).rejects.toThrow('given up');
    expect((await other).version).toBe(1);
  });

  it('sees that another table has taken the place', async () => {
    const table = grown(2);
    await table.log.snapshot();
    for (const key of table.store.keys()) table.store.remove(key);
    await expect(table.log.snapshot()).rejects.toMatchObject({ sqlState: '42P01' });
    table.commit(0, [...creation, add('new')]);
    table.commit(1, [add('newer')]);
    expect(paths(await table.log.snapshot())).toEqual(['new', 'newer']);
  });

  it('is no table where no version is', async () => {
    const table = new FakeTable();
    table.store.set('_delta_log/_commits/x.json', '');
    expect(await table.log.exists()).toBe(false);
    await expect(table.log.snapshot()).rejects.toMatchObject({ sqlState: '42P01' });
    table.commit(0, creation);
    expect(await table.log.exists()).toBe(true);
  });
});

function bound(table: FakeTable) {
  return { log: table.log, store: table.store, commit: table.commit.bind(table) };
}

describe('damage', () => {
  const failure = (key: string) =>
    expect.objectContaining({ sqlState: 'XX001', details: { path: `memory://table/${key}` } }) as unknown;

  it('of an entry is named, and no part of the version given', async () => {
    const table = grown(4);
    await table.log.snapshot();
    table.store.set(commitKey(4), '{"add":{"path":"f4');
    await expect(table.log.snapshot()).rejects.toEqual(failure(commitKey(4)));
    expect(paths(await table.log.snapshot({ version: 3 }))).toHaveLength(4);
    table.commit(4, [add('f4')]);
    expect(paths(await table.log.snapshot())).toHaveLength(5);
  });

  it.each([0, 2])('is a missing entry: %s', async (version) => {
    const table = grown(4);
    table.store.remove(commitKey(version));
    await expect(table.log.snapshot()).rejects.toEqual(failure(commitKey(version)));
    await expect(table.log.snapshot({ version: 3 })).rejects.toEqual(failure(commitKey(version)));
  });

  it('is not what a listing says that ran beside a writer', async () => {
    const table = grown(4);
    const hidden = table.store.bytesOf(commitKey(2));
    table.store.remove(commitKey(2));
    const { list } = table.store;
    table.store.list = (...args) => {
      if (table.store.lists === 1) table.store.set(commitKey(2), hidden, 2000);
      return list.apply(table.store, args);
    };
    expect(paths(await table.log.snapshot())).toHaveLength(4);
  });

  it('of a checkpoint leaves an older one, or the entries', async () => {
    const table = grown(8);
    const older = table.checkpoint(2, rowsOf(await table.log.snapshot({ version: 2 })));
    const newer = table.checkpoint(5, rowsOf(await table.log.snapshot({ version: 5 })));
    table.hint(5);
    const expected = paths(await table.open().snapshot());
    for (const bytes of ['[{"add":', '[]', `[${JSON.stringify({ metaData })}]`]) {
      table.store.set(newer, bytes);
      expect(paths(await table.open().snapshot())).toEqual(expected);
    }
    table.store.set(older, '');
    expect(paths(await table.open().snapshot())).toEqual(expected);
    table.store.remove(commitKey(0));
    await expect(table.open().snapshot()).rejects.toEqual(failure(newer));
  });

  it('of a compaction leaves the entries', async () => {
    const table = grown(6);
    const expected = paths(await table.log.snapshot());
    const key = table.compaction(1, 4, [add('f1'), add('f2'), add('f3'), add('f4')]);
    table.store.gets.length = 0;
    expect(paths(await table.open().snapshot())).toEqual(expected);
    expect(table.store.gets).not.toContain(commitKey(2));
    table.store.set(key, '{"add"');
    expect(paths(await table.open().snapshot())).toEqual(expected);
  });
});

describe('checkpoints', () => {
  it('need not be where the hint says', async () => {
    const table = grown(6);
    const expected = paths(await table.log.snapshot());
    for (const hint of [3, 99, -1]) {
      table.hint(hint);
      expect(paths(await table.open().snapshot())).toEqual(expected);
    }
    table.checkpoint(4, rowsOf(await table.log.snapshot({ version: 4 })));
    table.store.set('_delta_log/_last_checkpoint', '{"version":');
    for (const version of [0, 1, 2, 3]) table.store.remove(commitKey(version));
    expect(paths(await table.open().snapshot())).toEqual(expected);
  });

  it('in parts count only where all parts are there', async () => {
    const table = grown(5);
    const expected = paths(await table.log.snapshot());
    const rows = rowsOf(await table.log.snapshot({ version: 3 }));
    table.checkpoint(3, rows.slice(0, 2), 'checkpoint.0000000001.0000000002.parquet');
    table.store.gets.length = 0;
    expect(paths(await table.open().snapshot())).toEqual(expected);
    expect(table.store.gets).toContain(commitKey(0));
    table.checkpoint(3, rows.slice(2), 'checkpoint.0000000002.0000000002.parquet');
    for (const version of [0, 1, 2, 3]) table.store.remove(commitKey(version));
    expect(paths(await table.open().snapshot())).toEqual(expected);
  });

  it.each(['json', 'parquet'])('of the second kind, in %s, name sidecars', async (format) => {
    const table = grown(5);
    const expected = paths(await table.log.snapshot());
    const { files } = await table.log.snapshot({ version: 3 });
    const sidecars = [files.slice(0, 2), files.slice(2)].map((part, index) => {
      const path = `part ${index}.parquet`;
      table.store.set(
        `_delta_log/_sidecars/${path}`,
        JSON.stringify([...part.map((file) => ({ add: file })), { remove: { path: 'x', dataChange: true } }]),
      );
      return { sidecar: { path: encodeURIComponent(path), sizeInBytes: 1, modificationTime: 1 } };
    });
    const uuid = '80a083e8-7026-4e79-81be-64bd76c43a11';
    const key = table.checkpoint(
      3,
      [{ checkpointMetadata: { version: 3 } }, { metaData }, { protocol }, ...sidecars],
      `checkpoint.${uuid}.${format}`,
    );
    for (const version of [0, 1, 2]) table.store.remove(commitKey(version));
    expect(paths(await table.open().snapshot())).toEqual(expected);
    expect(await table.open().tombstones(4)).toEqual([{ path: 'x', dataChange: true }]);
    table.store.set(`_delta_log/${'3'.padStart(20, '0')}.crc`, JSON.stringify({ numFiles: 4 }));
    expect(paths(await table.open().snapshot())).toEqual(expected);
    table.checkpoint(3, [{ metaData }, { protocol }, ...sidecars.slice(1)], `checkpoint.${uuid}.${format}`);
    if (format === 'json') {
      const cutShort = { sqlState: 'XX001', details: { path: `memory://table/${key}` } };
      await expect(table.open().snapshot()).rejects.toMatchObject(cutShort);
    }
    table.store.remove('_delta_log/_sidecars/part 1.parquet');
    await expect(table.open().snapshot()).rejects.toMatchObject({ sqlState: '58P01' });
    table.checkpoint(
      3,
      [{ metaData }, { protocol }, { sidecar: { path: '..%2F..', sizeInBytes: 1 } }],
      `checkpoint.${uuid}.${format}`,
    );
    await expect(table.open().snapshot()).rejects.toMatchObject({
      sqlState: 'XX001',
      details: { path: `memory://table/${key}` },
    });
  });
});

describe('versions and times', () => {
  it('outside of what is there are refused with the range', async () => {
    const table = grown(6);
    table.checkpoint(3, rowsOf(await table.log.snapshot({ version: 3 })));
    for (const version of [0, 1]) table.store.remove(commitKey(version));
    const log = table.open();
    expect((await log.snapshot({ version: 3 })).version).toBe(3);
    for (const version of [2, 6, -1, 1.5])
      await expect(log.snapshot({ version })).rejects.toMatchObject({
        sqlState: '22023',
        message: `the table at memory://table has no version ${version}: it has 3 to 5`,
      });
  });

  it('go by modification times, each later than the one before', async () => {
    const table = new FakeTable();
    const times = [1000, 5000, 4000, 4000, 9000];
    for (const [version, ms] of times.entries())
      table.commit(version, version === 0 ? creation : [add(`f${version}`)], ms);
    const at = async (timestampMs: number) => (await table.log.snapshot({ timestampMs })).version;
    expect(await Promise.all([1000, 4999, 5000, 5001, 5002, 8999, 9000].map(at))).toEqual([
      0, 0, 1, 2, 3, 3, 4,
    ]);
    expect((await table.log.history()).map((each) => each.timestampMs)).toEqual([
      9000, 5002, 5001, 5000, 1000,
    ]);
    for (const ms of [999, 9001])
      await expect(at(ms)).rejects.toMatchObject({
        sqlState: '22023',
        message: expect.stringContaining(
          'from 1970-01-01T00:00:01.000Z to 1970-01-01T00:00:09.000Z',
        ) as string,
      });
  });

  it('go by the commits’ own times from the version on that has them', async () => {
    const table = new FakeTable();
    const configuration = {
      'delta.enableInCommitTimestamps': 'true',
      'delta.inCommitTimestampEnablementVersion': '2',
      'delta.inCommitTimestampEnablementTimestamp': '5000',
    };
    table.commit(0, creation, 1000);
    table.commit(1, [add('f1')], 7000);
    const enabled = { metaData: { ...metaData, configuration } };
    table.commit(2, [{ commitInfo: { inCommitTimestamp: 5000 } }, enabled], 100);
    table.commit(3, [{ commitInfo: { inCommitTimestamp: 6000 } }, add('f3')], 100);
    const at = async (timestampMs: number) => (await table.log.snapshot({ timestampMs })).version;
    expect(await Promise.all([1000, 4998, 4999, 5000, 5999, 6000].map(at))).toEqual([0, 0, 1, 2, 2, 3]);
    expect((await table.log.snapshot()).timestampMs).toBe(6000);
    expect((await table.log.history({ limit: 2 })).map((each) => each.timestampMs)).toEqual([6000, 5000]);
    const { files } = await table.log.snapshot();
    table.checkpoint(3, [...files.map((file) => ({ add: file })), enabled, { protocol }]);
    expect((await table.open().snapshot()).timestampMs).toBe(6000);
  });
});

describe('what commits say', () => {
  it('is given newest first, as far as it is asked for', async () => {
    const table = grown(3);
    const commitInfo = {
      timestamp: 5,
      operation: 'WRITE',
      operationParameters: { mode: 'Append' },
      operationMetrics: { numFiles: '1' },
      engineInfo: 'x',
      isBlindAppend: true,
      userName: 'me',
    };
    table.commit(3, [{ commitInfo }, add('f3')]);
    const [newest, ...rest] = await table.log.history({ limit: 2 });
    const { timestamp: _, userName: __, ...summary } = commitInfo;
    expect(newest).toEqual({ version: 3, timestampMs: 3000, ...summary, commitInfo });
    expect(rest.map((each) => [each.version, each.operation])).toEqual([[2, undefined]]);
  });

  it('is given version by version', async () => {
    const table = grown(4);
    const read = async (from: number, to: number) => {
      const commits: Commit[] = [];
      for await (const commit of table.log.commits(from, to)) commits.push(commit);
      return commits;
    };
    expect(await read(1, 2)).toEqual([
      { version: 1, timestampMs: 1000, actions: [add('f1')] },
      { version: 2, timestampMs: 2000, actions: [add('f2')] },
    ]);
    await expect(read(3, 4)).rejects.toMatchObject({ sqlState: '22023' });
  });

  it('leaves tombstones of files that are not there any more', async () => {
    const table = grown(3);
    table.commit(3, [remove('f0'), remove('f1')]);
    table.commit(4, [add('f1')]);
    expect((await table.log.tombstones(4)).map(({ path }) => path)).toEqual(['f0']);
    expect((await table.log.tombstones(3)).map(({ path }) => path).sort()).toEqual(['f0', 'f1']);
  });
});

describe('the protocol', () => {
  const features = (readerFeatures: readonly string[]) => ({
    protocol: { minReaderVersion: 3, minWriterVersion: 7, readerFeatures, writerFeatures: readerFeatures },
  });

  it('is refused where it needs what is not known, by name', async () => {
    const table = grown(2);
    table.commit(2, [features(['deletionVectors', 'variantType', 'catalogManaged'])]);
    await expect(table.log.snapshot()).rejects.toMatchObject({
      sqlState: '0A000',
      message:
        'the table at memory://table needs features that Skein cannot read: variantType, catalogManaged',
      details: { path: 'memory://table', features: 'variantType, catalogManaged' },
    });
    expect((await table.log.snapshot({ version: 1 })).version).toBe(1);
    table.commit(2, [{ protocol: { minReaderVersion: 4, minWriterVersion: 7 } }]);
    await expect(table.log.snapshot()).rejects.toMatchObject({ sqlState: '0A000' });
    const all = ['columnMapping', 'deletionVectors', 'timestampNtz', 'v2Checkpoint', 'vacuumProtocolCheck'];
    table.commit(2, [features([...all, 'typeWidening', 'typeWidening-preview'])]);
    expect((await table.log.snapshot()).version).toBe(2);
  });

  it('says whether columns are mapped', async () => {
    const table = grown(1);
    const configuration = { 'delta.columnMapping.mode': 'name' };
    table.commit(1, [{ metaData: { ...metaData, configuration } }]);
    expect((await table.log.snapshot()).columnMapping).toBe('none');
    table.commit(2, [{ protocol: { minReaderVersion: 2, minWriterVersion: 5 } }]);
    await expect(table.log.snapshot()).rejects.toMatchObject({ sqlState: 'XX001' });
  });

  it('is refused for files of another kind than Parquet', async () => {
    const table = grown(1);
    table.commit(1, [{ metaData: { ...metaData, format: { provider: 'orc', options: {} } } }]);
    await expect(table.log.snapshot()).rejects.toMatchObject({ sqlState: '0A000' });
  });
});
