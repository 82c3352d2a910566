import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { SkeinHome } from './skein-process.ts';

const home = new SkeinHome();
afterAll(() => home.remove());

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('skein demo', () => {
  it('makes the tables, shows queries on three workers, and exits with 0', async () => {
    const { exitCode, out, err } = await home.run(['demo', '--port', '0']);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out).toContain('events: 1,000,000 rows in 8 files');
    expect(out).toMatch(/│ page_view +│ +598952 │/);
    expect(out.match(/tasks, 3 workers/g)?.length).toBeGreaterThan(3);
    expect(out.split('\n').every((line) => line.length < 130)).toBe(true);
  });

  it('serves until Ctrl-C, survives a worker, and leaves no process behind even when it is killed', async () => {
    const demo = home.start(['demo', '--serve', '--port', '0']);
    const [, url = ''] = await demo.waitFor(/Serving on (\S+)/);
    const [, pid = ''] = await demo.waitFor(/kill -9 (\d+)/);
    process.kill(Number(pid), 'SIGKILL');
    const sql = [
      'query',
      'SELECT count(*) AS n FROM events',
      '-f',
      'csv',
      '--set',
      'local_bypass=off',
      '--server',
      url,
    ];
    expect(await home.run(sql)).toEqual({ exitCode: 0, out: 'n\n1000000\n', err: '' });
    const cluster = JSON.parse((await home.run(['cluster', '--json', '--server', url])).out) as {
      workers: unknown[];
    };
    expect(cluster.workers.length).toBeGreaterThanOrEqual(2);
    demo.kill('SIGINT');
    expect(await demo.ended).toMatchObject({ exitCode: 0 });

    const killed = home.start(['demo', '--serve', '--port', '0']);
    const worker = Number((await killed.waitFor(/kill -9 (\d+)/))[1]);
    killed.kill('SIGKILL');
    await killed.ended;
    while (isRunning(worker)) await delay(50);
  });
});
