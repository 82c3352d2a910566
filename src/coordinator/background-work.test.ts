import { expect, it } from 'vitest';
import { BackgroundWork } from './background-work.ts';

it('lets many reads listen to its signal without a warning', async () => {
  const warnings: string[] = [];
  const keep = ({ name }: Error): number => warnings.push(name);
  process.on('warning', keep);
  const work = new BackgroundWork();
  work.begin(async (signal) => {
    for (let read = 0; read < 50; read++) signal.addEventListener('abort', () => read);
  });
  await work.close();
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', keep);
  expect(warnings).toEqual([]);
});

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
