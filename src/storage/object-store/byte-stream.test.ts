import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { bytesStream, readAll } from './byte-stream.ts';

test('many streams of one signal warn nobody, and forget it at their end', async () => {
  const warnings: string[] = [];
  const onWarning = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', onWarning);
  const { signal } = new AbortController();
  const streams = Array.from({ length: 20 }, (_, at) => bytesStream(new Uint8Array([at]), signal));
  // Warnings come with the next turn of the loop.
  await new Promise((resolve) => setImmediate(resolve));
  expect(await Promise.all(streams.map(readAll))).toHaveLength(20);
  process.off('warning', onWarning);
  expect(warnings).toEqual([]);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});
