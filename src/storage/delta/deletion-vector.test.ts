import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeletionVectorDescriptor } from './actions.ts';
import {
  deletionVectorId,
  deletionVectorKey,
  deletionVectorPath,
  encodeDeletionVector,
  encodeDeletionVectorName,
  frameDeletionVectors,
  inlineDeletionVector,
  readDeletionVector,
} from './deletion-vector.ts';
import { FakeStore } from './fake-store.ts';
import { decodeRoaring } from './roaring.ts';
import { eachRow, type RowRuns, RowRunsBuilder, rowRunsOf, uniteRowRuns } from './row-runs.ts';
import { decodeZ85, encodeZ85 } from './z85.ts';

const uuid = 'd2c639aa-8816-431a-aaf6-d3fe2512ff61';

function read(store: FakeStore, descriptor: DeletionVectorDescriptor): Promise<RowRuns> {
  return readDeletionVector(store, descriptor, undefined);
}

describe('Z85', () => {
  it('is the RFC’s', () => {
    const bytes = Uint8Array.from([0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b]);
    expect(encodeZ85(bytes)).toBe('HelloWorld');
    expect(decodeZ85('HelloWorld')).toEqual(bytes);
    for (const text of ['Hell', 'Hell~', '#####']) expect(decodeZ85(text)).toBeUndefined();
  });
});

describe('descriptors', () => {
  const file = { storageType: 'u', offset: 4, sizeInBytes: 40, cardinality: 6 } as const;

  it('name the files of the protocol’s examples', () => {
    expect(deletionVectorPath('s3://mytable', { ...file, pathOrInlineDv: 'ab^-aqEH.-t@S}K{vb[*k^' })).toEqual(
      {
        kind: 'relative',
        key: `ab/deletion_vector_${uuid}.bin`,
      },
    );
    const path = `s3://mytable/deletion_vector_${uuid}.bin`;
    expect(deletionVectorPath('s3://other', { ...file, storageType: 'p', pathOrInlineDv: path })).toEqual({
      kind: 'absolute',
      location: path,
    });
    expect(encodeDeletionVectorName(uuid, 'ab')).toBe('ab^-aqEH.-t@S}K{vb[*k^');
    expect(deletionVectorKey(uuid)).toBe(`deletion_vector_${uuid}.bin`);
  });

  it('lead to no other folder', () => {
    for (const pathOrInlineDv of ['..^-aqEH.-t@S}K{vb[*k^', 'a/b^-aqEH.-t@S}K{vb[*k^', 'short'])
      expect(() => deletionVectorPath('/t', { ...file, pathOrInlineDv })).toThrow(
        expect.objectContaining({ sqlState: 'XX001' }),
      );
  });

  it('have the id of the protocol', () => {
    expect(deletionVectorId({ ...file, pathOrInlineDv: 'x' })).toBe('ux@4');
    const { offset: _, ...whole } = file;
    expect(deletionVectorId({ ...whole, pathOrInlineDv: 'x' })).toBe('ux');
  });
});

describe('readDeletionVector', () => {
  it('refuses the other format that the protocol’s inline example is in', async () => {
    const descriptor = {
      storageType: 'i',
      pathOrInlineDv: 'wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L',
      sizeInBytes: 40,
      cardinality: 6,
    } as const;
    await expect(read(new FakeStore(), descriptor)).rejects.toMatchObject({ sqlState: 'XX001' });
  });

  it('reads back any set of rows, in the log and in a file beside others', async () => {
    const run = fc.tuple(fc.nat(400_000), fc.oneof(fc.nat(3), fc.nat(70_000)));
    const wide = fc.tuple(fc.bigInt(0n, 2n ** 40n).map(Number), fc.constant(1));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(run, wide), { maxLength: 30 }), async (runs) => {
        const rows = runs.reduce<RowRuns>((sum, [start, length]) => {
          const builder = new RowRunsBuilder();
          builder.add(start, start + length + 1);
          return uniteRowRuns(sum, builder.build());
        }, rowRunsOf([]));
        expect(decodeRoaring(encodeDeletionVector(rows))).toEqual(rows);
        expect(await read(new FakeStore(), inlineDeletionVector(rows))).toEqual(rows);
        const store = new FakeStore();
        const framed = frameDeletionVectors([rowRunsOf([1]), rows].map(encodeDeletionVector));
        store.set(deletionVectorKey(uuid), framed.bytes);
        const pathOrInlineDv = encodeDeletionVectorName(uuid);
        const at = framed.vectors[1] ?? { offset: 0, sizeInBytes: 0 };
        const cardinality = rows.rowCount;
        expect(await read(store, { storageType: 'u', pathOrInlineDv, ...at, cardinality })).toEqual(rows);
      }),
      { numRuns: 60 },
    );
  });

  it('takes every kind of container, whatever is the shortest', () => {
    const everyOther = rowRunsOf(Array.from({ length: 20_000 }, (_, index) => index * 2));
    expect(encodeDeletionVector(everyOther).length).toBe(12 + 4 + 8 + 8 + 8192);
    expect(decodeRoaring(encodeDeletionVector(everyOther))).toEqual(everyOther);
    const all = rowRunsOf(Array.from({ length: 70_000 }, (_, index) => index));
    expect(encodeDeletionVector(all).length).toBeLessThan(50);
    const few = rowRunsOf([1, 5, 9]);
    expect(encodeDeletionVector(few).length).toBe(12 + 4 + 8 + 8 + 6);
  });

  it('is XX001 naming the file for every byte that is wrong or missing', async () => {
    const { bytes, vectors } = frameDeletionVectors([encodeDeletionVector(rowRunsOf([3, 4, 7, 70_000]))]);
    const key = deletionVectorKey(uuid);
    const descriptor = {
      storageType: 'u',
      pathOrInlineDv: encodeDeletionVectorName(uuid),
      ...(vectors[0] ?? { offset: 0, sizeInBytes: 0 }),
      cardinality: 4,
    } as const;
    const store = new FakeStore();
    const failure = expect.objectContaining({
      sqlState: 'XX001',
      details: { path: `memory://table/${key}` },
    });
    for (let at = 0; at < bytes.length; at++) {
      const wrong = Uint8Array.from(bytes);
      wrong[at] = (wrong[at] ?? 0) ^ 1;
      store.set(key, wrong);
      await expect(read(store, descriptor)).rejects.toEqual(failure);
      store.set(key, bytes.subarray(0, at));
      await expect(read(store, descriptor)).rejects.toEqual(failure);
    }
    store.set(key, bytes);
    await expect(read(store, { ...descriptor, cardinality: 5 })).rejects.toEqual(failure);
    store.remove(key);
    await expect(read(store, descriptor)).rejects.toMatchObject({ sqlState: '58P01' });
  });

  it('reads none outside of the table unless it is told how', async () => {
    const { bytes, vectors } = frameDeletionVectors([encodeDeletionVector(rowRunsOf([5]))]);
    const other = new FakeStore('/other');
    other.set('dv.bin', bytes);
    const at = vectors[0] ?? { offset: 0, sizeInBytes: 0 };
    const descriptor = {
      storageType: 'p',
      pathOrInlineDv: 'file:/other/dv.bin',
      ...at,
      cardinality: 1,
    } as const;
    await expect(read(new FakeStore(), descriptor)).rejects.toMatchObject({ sqlState: '0A000' });
    const rows = await readDeletionVector(new FakeStore(), descriptor, undefined, (location) => ({
      store: other,
      key: location.slice('/other/'.length),
    }));
    expect([...eachRow(rows)]).toEqual([5]);
  });
});

describe('row runs', () => {
  it('unite as sets do', () => {
    const rows = fc.array(fc.nat(40));
    fc.assert(
      fc.property(rows, rows, (a, b) => {
        expect(uniteRowRuns(rowRunsOf(a), rowRunsOf(b))).toEqual(rowRunsOf([...a, ...b]));
      }),
    );
  });
});
