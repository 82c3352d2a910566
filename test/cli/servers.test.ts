import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { SkeinHome, type SkeinProcess, tpchFolder } from './skein-process.ts';

const home = new SkeinHome();
afterAll(() => home.remove());

async function urlOf(server: SkeinProcess): Promise<string> {
  const [, url = ''] = await server.waitFor(/serves (http:\S+)/);
  return url;
}

describe('skein start', () => {
  it('serves a folder until it is asked to end', async () => {
    const server = home.start(['start', '--data', tpchFolder, '--workers', '2', '--port', '0']);
    const url = await urlOf(server);
    const asked = ['--server', url];
    expect((await home.run(['query', 'SELECT count(*) AS n FROM orders', '-f', 'csv', ...asked])).out).toBe(
      'n\n15000\n',
    );
    const failed = await home.run(['query', 'SELECT nope FROM orders', ...asked]);
    expect(failed).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining('LINE 1: SELECT nope') as string,
    });

    const queries = JSON.parse((await home.run(['queries', '--json', ...asked])).out) as { state: string }[];
    expect(queries.map(({ state }) => state)).toEqual(['failed', 'finished']);
    expect((await home.run(['queries', ...asked])).out).toMatch(
      /finished .* SELECT count\(\*\) AS n FROM orders/,
    );
    expect((await home.run(['cluster', ...asked])).out).toMatch(
      /tables +8 with 86,805 rows[\s\S]*alive[\s\S]*in process/,
    );

    const again = await home.run(['start', '--data', tpchFolder, '--port', new URL(url).port]);
    expect(again).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/port \d+ of 127.0.0.1 is in use\nhint:/) as string,
    });

    server.kill('SIGTERM');
    expect((await server.ended).exitCode).toBe(0);
    const gone = await home.run(['cluster', ...asked]);
    expect(gone.exitCode).toBe(1);
    expect(gone.err).toMatch(/^error 08006: .*\nhint: .*skein start/);
  });

  it('lets a query be canceled by its id', async () => {
    const server = home.start(['start', '--data', tpchFolder, '--port', '0']);
    const asked = ['--server', await urlOf(server)];
    const sql = `SELECT count(*) FROM lineitem a, lineitem b, lineitem c WHERE a.l_comment || b.l_comment || c.l_comment = ''`;
    const query = home.start(['query', sql, ...asked]);
    let id: string | undefined;
    while (id === undefined) {
      await delay(100);
      const all = JSON.parse((await home.run(['queries', '--json', ...asked])).out) as {
        id: string;
        state: string;
      }[];
      id = all.find(({ state }) => state === 'running')?.id;
    }
    expect(await home.run(['cancel', id, ...asked])).toEqual({
      exitCode: 0,
      out: `canceled ${id}\n`,
      err: '',
    });
    expect(await query.ended).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/^error 57014/) as string,
    });
    expect(await home.run(['cancel', 'q_none', ...asked])).toMatchObject({
      exitCode: 1,
      err: 'error 42704: no query q_none\nhint: skein queries lists them\n',
    });
  });
});

describe('skein coordinator and skein worker', () => {
  it('are a cluster that workers join and leave', async () => {
    const token = { SKEIN_CLUSTER_TOKEN: 'secret' };
    const coordinator = home.start(['coordinator', '--data', tpchFolder, '--port', '0'], '', token);
    const url = await urlOf(coordinator);
    const asked = ['--server', url];
    expect((await home.run(['cluster', ...asked], '', token)).out).toContain(
      `skein worker --coordinator ${url}`,
    );

    const workers = [1, 2].map(() =>
      home.start(['worker', '--coordinator', url, '--threads', '1', '--memory', '500MB'], '', token),
    );
    for (const worker of workers) await worker.waitFor(/^joined/m);
    expect((await home.run(['cluster', ...asked], '', token)).out.match(/alive/g)).toHaveLength(2);
    const sql = [
      'query',
      'SELECT sum(l_quantity) AS q FROM lineitem',
      '-f',
      'csv',
      '--set',
      'local_bypass=off',
    ];
    expect((await home.run([...sql, ...asked], '', token)).out).toBe('q\n1536127.00\n');

    const stranger = await home.run(['worker', '--coordinator', url, '--cluster-token', 'wrong']);
    expect(stranger).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/^error 28000|^error 42501|token/m) as string,
    });

    workers[0]?.kill('SIGINT');
    expect((await workers[0]?.ended)?.exitCode).toBe(0);
    expect((await home.run([...sql, ...asked], '', token)).out).toBe('q\n1536127.00\n');
  });
});
