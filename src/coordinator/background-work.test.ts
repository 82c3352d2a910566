import { expect, it } from 'vitest';
import { BackgroundWork } from './background-work.ts';

it('tells its work to stop when it closes, and waits for it', async () => {
  const work = new BackgroundWork();
  const steps: string[] = [];
  work.begin(
    (signal) =>
      new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          steps.push('told');
          setImmediate(() => {
            steps.push('ended');
            resolve();
          });
        });
      }),
  );
  await work.close();
  expect(steps).toEqual(['told', 'ended']);
});

it('begins nothing after it has closed', async () => {
  const work = new BackgroundWork();
  await work.close();
  let began = false;
  work.begin(async () => {
    began = true;
  });
  expect(began).toBe(false);
});
