import { randomBytes } from 'node:crypto';
import type { Clock, Random } from './clock.ts';

/**
 * The real clock; timers do not keep the process alive. Node's fire up to a millisecond early, which would wake
 * whoever waits for a deadline before it: these do not.
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback) {
    const due = performance.now() + delayMs;
    const fire = (): void => {
      if (performance.now() >= due) callback();
      else arm();
    };
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      timer = setTimeout(fire, Math.ceil(due - performance.now()));
      timer.unref();
    };
    arm();
    return () => clearTimeout(timer);
  },
};

export const systemRandom: Random = {
  next: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  token: (length) => Array.from(randomBytes(length), (byte) => (byte % 36).toString(36)).join(''),
};
