import { describe, expect, it } from 'vitest';
import { mapConcurrently } from './map-concurrently.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('mapConcurrently', () => {
  it('keeps the order, and to its limit', async () => {
    let running = 0;
    let most = 0;
    const results = await mapConcurrently([5, 1, 4, 2, 3], 2, async (item, index) => {
      running += 1;
      most = Math.max(most, running);
      for (let i = 0; i < item; i++) await turn();
      running -= 1;
      return `${index}:${item}`;
    });
    expect(results).toEqual(['0:5', '1:1', '2:4', '3:2', '4:3']);
    expect(most).toBe(2);
    expect(await mapConcurrently([], 2, async () => 1)).toEqual([]);
  });

  it('begins nothing after an error', async () => {
    const begun: number[] = [];
    const mapping = mapConcurrently([0, 1, 2, 3, 4], 2, async (item) => {
      begun.push(item);
      await turn();
      if (item === 1) throw new Error('one');
      return item;
    });
    await expect(mapping).rejects.toThrow('one');
    await turn();
    await turn();
    expect(begun).not.toContain(4);
  });
});
