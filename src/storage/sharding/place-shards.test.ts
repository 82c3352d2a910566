import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { placeShards, type WeightedWorker } from './place-shards.ts';

const shards = (count: number, group = 'hash'): { group: string; shard: number }[] =>
  Array.from({ length: count }, (_, shard) => ({ group, shard }));

const fleet = fc.uniqueArray(
  fc.record({ id: fc.string({ minLength: 1 }), weight: fc.integer({ min: 1, max: 9 }) }),
  {
    selector: ({ id }) => id,
    minLength: 1,
    maxLength: 12,
  },
);

function counts(placed: readonly (string | undefined)[]): Map<string | undefined, number> {
  const found = new Map<string | undefined, number>();
  for (const id of placed) found.set(id, (found.get(id) ?? 0) + 1);
  return found;
}

function moved(before: readonly unknown[], after: readonly unknown[]): number {
  return before.filter((id, index) => id !== after[index]).length;
}

describe('placeShards', () => {
  it('is a function of the sets, not of their order', () => {
    fc.assert(
      fc.property(fleet, fc.integer({ min: 1, max: 64 }), (workers, count) => {
        const keys = shards(count);
        const placed = placeShards(keys, workers);
        expect(placeShards(keys, [...workers].reverse())).toEqual(placed);
        expect(placeShards([...keys].reverse(), workers)).toEqual([...placed].reverse());
      }),
    );
  });

  it('gives each worker its share of a group, rounded up at most', () => {
    fc.assert(
      fc.property(fleet, fc.integer({ min: 1, max: 200 }), (workers, count) => {
        const total = workers.reduce((sum, { weight }) => sum + weight, 0);
        const found = counts(placeShards(shards(count), workers));
        for (const { id, weight } of workers) {
          expect(found.get(id) ?? 0).toBeLessThanOrEqual(Math.ceil((count * weight) / total));
        }
        expect(found.has(undefined)).toBe(false);
      }),
    );
  });

  it('moves few shards when a worker joins or leaves', () => {
    let movedCount = 0;
    let least = 0;
    for (let seed = 0; seed < 50; seed++) {
      const workers: WeightedWorker[] = [1, 2, 3, 4].map((n) => ({ id: `w${seed}-${n}`, weight: 1 }));
      const keys = shards(64, `g${seed}`);
      movedCount += moved(placeShards(keys, workers), placeShards(keys, workers.slice(1)));
      least += 16;
    }
    expect(movedCount).toBeLessThan(least * 1.6);
  });

  it('places one group alike for every table, and groups apart', () => {
    const workers = ['a', 'b', 'c'].map((id) => ({ id, weight: 1 }));
    const keys = [...shards(8, 'x'), ...shards(8, 'y'), ...shards(8, 'x')];
    const placed = placeShards(keys, workers);
    expect(placed.slice(0, 8)).toEqual(placed.slice(16));
    expect(placed.slice(0, 8)).not.toEqual(placed.slice(8, 16));
  });

  it('never changes', () => {
    const workers = ['worker-1', 'worker-2', 'worker-3'].map((id, index) => ({ id, weight: index + 1 }));
    const placed = placeShards(shards(12, 'hash/12'), workers)
      .map((id) => id?.slice(-1))
      .join('');
    expect(placed).toBe('211333232323');
  });

  it('leaves out workers without weight, and says where there is none', () => {
    const idle = { id: 'idle', weight: 0 };
    expect(placeShards(shards(4), [idle, { id: 'a', weight: 2 }])).toEqual(['a', 'a', 'a', 'a']);
    expect(placeShards(shards(2), [idle])).toEqual([undefined, undefined]);
  });
});
