import { describe, expect, it } from 'vitest';
import { canceledError } from '../common/index.ts';
import { Admission } from './admission.ts';
import { FakeClock } from './fake-clock.ts';

const never = new AbortController().signal;

function make(maxRunning: number, maxQueued: number) {
  const clock = new FakeClock();
  return { clock, admission: new Admission({ maxRunning, maxQueued, queueTimeoutMs: 1_000 }, clock) };
}

describe('Admission', () => {
  it('lets the first ones in at once and the others in their order', async () => {
    const { admission } = make(1, 5);
    const order: string[] = [];
    const leave = await admission.enter(never);
    const second = admission.enter(never).then((left) => {
      order.push('second');
      return left;
    });
    const third = admission.enter(never).then(() => order.push('third'));
    expect(admission).toMatchObject({ running: 1, queued: 2 });
    leave();
    leave();
    (await second)();
    await third;
    expect(order).toEqual(['second', 'third']);
    expect(admission).toMatchObject({ running: 1, queued: 0 });
  });

  it('refuses when the queue is full', async () => {
    const { admission } = make(1, 0);
    await admission.enter(never);
    await expect(admission.enter(never)).rejects.toMatchObject({ sqlState: '53300' });
  });

  it('refuses after too long a wait', async () => {
    const { admission, clock } = make(1, 1);
    await admission.enter(never);
    const waiting = expect(admission.enter(never)).rejects.toMatchObject({ sqlState: '53300' });
    await clock.advance(1_000);
    await waiting;
    expect(admission.queued).toBe(0);
  });

  it('lets a waiting query be canceled', async () => {
    const { admission, clock } = make(1, 1);
    const leave = await admission.enter(never);
    const controller = new AbortController();
    const waiting = expect(admission.enter(controller.signal)).rejects.toMatchObject({ sqlState: '57014' });
    controller.abort(canceledError());
    await waiting;
    leave();
    expect(admission).toMatchObject({ running: 0, queued: 0 });
    expect(clock.timers).toBe(0);
  });
});
