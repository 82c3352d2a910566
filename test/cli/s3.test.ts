import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type S3Server, s3Servers } from '../support/s3-servers.ts';
import { type Ended, SkeinHome, type SkeinProcess } from './skein-process.ts';

const home = new SkeinHome();
afterAll(() => home.remove());

const env = { AWS_ACCESS_KEY_ID: 'AKIATESTTESTTESTTEST', AWS_SECRET_ACCESS_KEY: 'secretsecretsecret' };

/** A coordinator and two workers, processes all of them. */
class Processes {
  readonly #s3: S3Server;
  #running: SkeinProcess[] = [];
  url = '';

  constructor(s3: S3Server) {
    this.#s3 = s3;
  }

  async start(): Promise<void> {
    const s3 = ['--s3-endpoint', this.#s3.endpoint];
    const data = ['--data', `s3://${this.#s3.bucket}/lake`, '--external-roots', `s3://${this.#s3.bucket}/in`];
    const coordinator = home.start(['coordinator', ...data, ...s3, '--port', '0'], '', env);
    this.#running = [coordinator];
    [, this.url = ''] = await coordinator.waitFor(/serves (http:\S+)/);
    for (const name of ['one', 'two']) {
      const limits = ['--threads', '1', '--memory', '300MB', '--table-cache', this.cacheOf(name)];
      const worker = home.start(['worker', '--coordinator', this.url, ...s3, ...limits], '', env);
      this.#running.push(worker);
      await worker.waitFor(/^joined/m);
    }
  }

  cacheOf(worker: string): string {
    return join(home.path, `cache-${worker}`);
  }

  async stop(): Promise<void> {
    for (const each of this.#running.reverse()) {
      each.kill('SIGTERM');
      await each.ended;
    }
  }

  run(...args: readonly string[]): Promise<Ended> {
    return home.run([...args, '--server', this.url], '', env);
  }

  async query(sql: string): Promise<string> {
    const { out, err, exitCode } = await this.run('query', sql, '-f', 'csv', '--set', 'local_bypass=off');
    return exitCode === 0 ? out.split('\n').slice(1, -1).join('\n') : err;
  }
}

/** Flips a byte in the middle of every file that a worker keeps of the table's. */
async function damageCaches(folder: string): Promise<number> {
  let damaged = 0;
  for (const name of await readdir(folder, { recursive: true })) {
    if (!name.endsWith('.data')) continue;
    const bytes = await readFile(join(folder, name));
    const at = Math.floor(bytes.length / 2);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await writeFile(join(folder, name), bytes);
    damaged += 1;
  }
  return damaged;
}

/** The real one where there is one: processes take their time. */
const server = s3Servers.findLast(({ skip }) => !skip);

describe(`a cluster over ${server?.name}`, () => {
  it('is used from the command line, and goes on after a restart', async () => {
    if (server === undefined) throw new Error('there is a fake one at least');
    const s3 = await server.start();
    const cluster = new Processes(s3);
    try {
      await cluster.start();
      expect(
        await cluster.query('CREATE TABLE t AS SELECT i, hash(i) AS h, i % 2 AS p FROM range(20000) r(i)'),
      ).not.toMatch(/error/);
      expect(await cluster.query('INSERT INTO t SELECT i, hash(i), 2 FROM range(20000, 40000) r(i)')).toBe(
        '20000',
      );
      expect(await cluster.query('UPDATE t SET p = 9 WHERE i < 10')).toBe('10');
      const csv = join(home.path, 'more.csv');
      await writeFile(csv, 'i,h,p\n50000,1,1\n50001,2,1\n');
      expect((await cluster.run('load', 't', csv)).out).toMatch(/loaded: 2 rows/);
      const out = `s3://${s3.bucket}/in`;
      const exported = await cluster.run('export', 't', `${out}/t.parquet`, '--on-server');
      expect(exported).toMatchObject({
        exitCode: 0,
        out: expect.stringContaining('40,002 rows') as string,
      });
      const folder = await cluster.run('export', 't', `${out}/folder`, '--on-server', '--format', 'csv');
      expect(folder).toMatchObject({ exitCode: 0 });
      const loaded = await cluster.run('load', 'copy', `${out}/folder/*.csv`, '--on-server', '--create');
      expect(loaded.out).toMatch(/loaded: 40,002 rows/);
      const sum = 'SELECT count(*), sum(i), count(DISTINCT h), count(*) FILTER (p = 9)';
      const expected = '40002,800080001,40002,10';
      for (const table of ['t', 'copy']) expect(await cluster.query(`${sum} FROM ${table}`)).toBe(expected);
      const answer = await fetch(`${cluster.url}/query`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ sql: 'SELECT count(*) AS n FROM t' }),
      });
      expect(await answer.text()).toContain('40002');
      expect(await cluster.query(`${sum} FROM t`)).toBe(expected);
      await expect
        .poll(async () => (await cluster.run('cluster')).out, { timeout: 20_000, interval: 500 })
        .toMatch(/\d+ ?%/);
      await cluster.stop();
      await cluster.start();
      expect(await cluster.query(`${sum} FROM t`)).toBe(expected);
      await cluster.stop();

      // What a disk changes is fetched again.
      expect(
        (await damageCaches(cluster.cacheOf('one'))) + (await damageCaches(cluster.cacheOf('two'))),
      ).toBeGreaterThan(0);
      await cluster.start();
      expect(await cluster.query(`${sum} FROM t`)).toBe(expected);
      expect(await cluster.query(`${sum} FROM copy`)).toBe(expected);
    } finally {
      await cluster.stop();
      await s3.close();
    }
  }, 240_000);
});
