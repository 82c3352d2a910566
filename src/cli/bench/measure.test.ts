import { describe, expect, it } from 'vitest';
import { type BenchEngine, measure, median } from './measure.ts';

describe('measure', () => {
  it('warms up, then takes the engines in turn, and checks every answer', async () => {
    let time = 0;
    const calls: string[] = [];
    const engine = (name: string, took: number, answer: (call: number) => number): BenchEngine => ({
      name,
      kind: 'embedded',
      workers: 1,
      run(sql) {
        calls.push(`${name}:${sql}`);
        time += took * calls.filter((call) => call === `${name}:${sql}`).length;
        return Promise.resolve([[answer(calls.length)]]);
      },
      close: () => Promise.resolve(),
    });
    const measurements = await measure({
      engines: [engine('a', 10, () => 1), engine('b', 1, (call) => (call === 3 ? 2 : 1))],
      queries: [{ name: 'q01', sql: 'x' }],
      runs: 3,
      signal: new AbortController().signal,
      now: () => time,
      onProgress: () => {},
    });
    expect(calls.join(' ')).toBe('a:x b:x b:x a:x a:x b:x b:x a:x');
    expect(measurements).toEqual([
      { query: 'q01', engine: 'a', runsMs: [20, 30, 40], medianMs: 30, difference: undefined },
      { query: 'q01', engine: 'b', runsMs: [2, 3, 4], medianMs: 3, difference: '[2] instead of [1]' },
    ]);
  });

  it.each([
    [[3, 1, 2], 2],
    [[4, 1, 2, 3], 2.5],
    [[7], 7],
  ])('takes the median of %j', (values, expected) => expect(median(values)).toBe(expected));
});
