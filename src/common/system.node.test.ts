import { expect, it } from 'vitest';
import { systemClock } from './index.ts';

it('the system clock calls back no earlier than it was asked to', async () => {
  const early = await Promise.all(
    Array.from({ length: 500 }, (_, index) => {
      const delayMs = index / 7;
      const due = systemClock.monotonic() + delayMs;
      return new Promise<number>((resolve) => {
        systemClock.after(delayMs, () => resolve(due - systemClock.monotonic()));
      });
    }),
  );
  expect(Math.max(...early)).toBeLessThanOrEqual(0);
});

it('a canceled timer of the system clock does not fire', async () => {
  let fired = false;
  systemClock.after(5, () => {
    fired = true;
  })();
  await new Promise<void>((resolve) => systemClock.after(20, resolve));
  expect(fired).toBe(false);
});
