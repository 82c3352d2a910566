import { describe, expect, it } from 'vitest';
import { canceledError } from './errors.ts';
import { mapConcurrently, mapToTheEnd } from './map-concurrently.ts';

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

describe('mapToTheEnd', () => {
  const { signal } = new AbortController();

  it('keeps the order', async () => {
    expect(await mapToTheEnd([1, 2, 3], 2, signal, async (item) => item * 2)).toEqual([2, 4, 6]);
  });

  it('throws the first error when what is under way has ended, and tells it to end', async () => {
    const ended: string[] = [];
    const mapping = mapToTheEnd(['fails', 'goes on', 'is never begun'], 2, signal, async (item, until) => {
      await turn();
      if (item === 'fails') throw new Error('first');
      while (!until.aborted) await turn();
      await turn();
      ended.push(item);
      throw new Error('second');
    });
    await expect(mapping).rejects.toThrow('first');
    expect(ended).toEqual(['goes on']);
  });

  it('throws the reason of its signal', async () => {
    const controller = new AbortController();
    const mapping = mapToTheEnd([1], 1, controller.signal, async (_item, until) => {
      controller.abort(canceledError('enough'));
      expect(until.aborted).toBe(true);
      throw new Error('ended');
    });
    await expect(mapping).rejects.toMatchObject({ sqlState: '57014', message: 'enough' });
  });
});
