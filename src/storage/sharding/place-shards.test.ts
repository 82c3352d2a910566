import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { placeShards } from './place-shards.ts';
import type { WeightedWorker } from './rendezvous.ts';

const fleet = fc.uniqueArray(
  fc.record({ id: fc.string({ minLength: 1 }), weight: fc.integer({ min: 1, max: 9 }) }),
  {
    selector: ({ id }) => id,
    minLength: 1,
    maxLength: 12,
  },
);

/** By shard, the id of its worker. */
function placed(group: string, count: number, workers: readonly WeightedWorker[]): readonly string[] {
  return (placeShards(group, count, workers) ?? []).map((position) => workers[position]?.id ?? 'nobody');
}

function counts(ids: readonly string[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const id of ids) found.set(id, (found.get(id) ?? 0) + 1);
  return found;
}

function moved(before: readonly unknown[], after: readonly unknown[]): number {
  return before.filter((id, index) => id !== after[index]).length;
}

describe('placeShards', () => {
  it('does not depend on the order of the workers', () => {
    fc.assert(
      fc.property(fleet, fc.integer({ min: 1, max: 64 }), (workers, count) => {
        const ids = placed('hash', count, workers);
        expect(ids).toHaveLength(count);
        expect(placed('hash', count, [...workers].reverse())).toEqual(ids);
      }),
    );
  });

  it('gives each worker its share of a group, rounded up at most', () => {
    fc.assert(
      fc.property(fleet, fc.integer({ min: 1, max: 200 }), (workers, count) => {
        const total = workers.reduce((sum, { weight }) => sum + weight, 0);
        const found = counts(placed('hash', count, workers));
        for (const { id, weight } of workers) {
          expect(found.get(id) ?? 0).toBeLessThanOrEqual(Math.ceil((count * weight) / total));
        }
        expect(found.has('nobody')).toBe(false);
      }),
    );
  });

  it('moves few shards when a worker joins or leaves', () => {
    let movedCount = 0;
    let least = 0;
    for (let seed = 0; seed < 50; seed++) {
      const workers: WeightedWorker[] = [1, 2, 3, 4].map((n) => ({ id: `w${seed}-${n}`, weight: 1 }));
      movedCount += moved(placed(`g${seed}`, 64, workers), placed(`g${seed}`, 64, workers.slice(1)));
      least += 16;
    }
    expect(movedCount).toBeLessThan(least * 1.6);
  });

  it('places groups apart', () => {
    const workers = ['a', 'b', 'c'].map((id) => ({ id, weight: 1 }));
    expect(placed('x', 8, workers)).not.toEqual(placed('y', 8, workers));
  });

  it('never changes', () => {
    const workers = ['worker-1', 'worker-2', 'worker-3'].map((id, index) => ({ id, weight: index + 1 }));
    const names = placed('hash/12', 12, workers).map((id) => id.slice(-1));
    expect(names.join('')).toBe('332233321312');
  });

  it('leaves out workers without weight, and says where there is none', () => {
    const idle = { id: 'idle', weight: 0 };
    expect(placed('g', 4, [idle, { id: 'a', weight: 2 }])).toEqual(['a', 'a', 'a', 'a']);
    expect(placeShards('g', 2, [idle])).toBeUndefined();
    expect(placeShards('g', 2, [])).toBeUndefined();
  });
});
