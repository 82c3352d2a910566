import { randomBytes } from 'node:crypto';
import type { Clock, Random } from './clock.ts';

/** The real clock; timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

export const systemRandom: Random = {
  next: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  token: (length) => Array.from(randomBytes(length), (byte) => (byte % 36).toString(36)).join(''),
};
