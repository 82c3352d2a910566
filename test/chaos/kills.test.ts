import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { Skein, type SqlValue } from '../../src/index.ts';
import { SkeinProcess, until } from './processes.ts';

/** Processes that are killed, one after the other. */
const rounds = process.env.SKEIN_LONG === '1' ? 40 : 4;
const rowsOfAppend = 3;
const rowsOfLoad = 20_000;
const arrowType = { 'content-type': 'application/vnd.apache.arrow.stream' };

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A coordinator that comes again under its address, and two workers. */
class Victims {
  readonly url: string;
  readonly #home: string;
  readonly #data: string;
  readonly #port: number;
  coordinator: SkeinProcess | undefined;
  readonly workers: SkeinProcess[] = [];
  #started = 0;

  constructor(home: string, data: string, port: number) {
    this.#home = home;
    this.#data = data;
    this.#port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  async startCoordinator(): Promise<void> {
    this.coordinator = new SkeinProcess([
      ...['coordinator', '--port', String(this.#port), '--data', this.#data],
      ...['--home', join(this.#home, 'c')],
    ]);
    await this.coordinator.printed(/https?:\/\/[\w.:-]+/, 60_000);
  }

  startWorker(): void {
    this.#started += 1;
    const home = join(this.#home, `w${this.#started}`);
    this.workers.push(
      new SkeinProcess([
        ...['worker', '--coordinator', this.url, '--threads', '1', '--memory', '512MB'],
        ...['--home', home, '--spool', join(home, 'spool')],
      ]),
    );
  }

  async kill(): Promise<void> {
    await this.coordinator?.kill();
    await Promise.all(this.workers.map((each) => each.kill()));
  }
}

/** Rows of one request or load, as the table counts them. */
interface Batch {
  readonly source: string;
  readonly batch: number;
  readonly rows: number;
}

test(
  'killed coordinators, workers and clients lose no row that was acknowledged, and double none',
  async () => {
    const home = await mkdtemp(join(tmpdir(), 'skein-kills-'));
    closers.push(() => rm(home, { recursive: true, force: true }));
    const data = join(home, 'data');
    await mkdir(data);
    const victims = new Victims(home, data, await freePort());
    closers.push(() => victims.kill());
    await victims.startCoordinator();
    victims.startWorker();
    victims.startWorker();
    const skein = await Skein.open({ server: victims.url });
    closers.push(() => skein.close());
    const rows = (sql: string): Promise<SqlValue[][]> => skein.query(sql).rows({ as: 'arrays' });
    await rows(`CREATE TABLE t (source VARCHAR, batch BIGINT, n BIGINT) WITH ('delta.checkpointInterval' = '5',
    'delta.deletedFileRetentionDuration' = 'interval 0 hours')`);
    await rows('CREATE TABLE arrows (id BIGINT, tags VARCHAR[])');

    const acknowledged: Batch[] = [];
    let arrows = 0;
    let arrowsUnknown = 0;
    let done = false;
    const stream = await readFile(new URL('../interop/fixtures/arrow/events.arrows', import.meta.url));

    /** Whether the rows are acknowledged; false: nobody knows. */
    const post = async (
      table: string,
      body: string | Uint8Array,
      headers: Record<string, string>,
    ): Promise<boolean> => {
      try {
        const signal = AbortSignal.timeout(30_000);
        const response = await fetch(`${victims.url}/data/${table}/append`, {
          method: 'POST',
          body,
          headers,
          signal,
        });
        await response.arrayBuffer();
        return response.status === 200;
      } catch {
        return false;
      }
    };
    const appender = async (source: string, withKeys: boolean): Promise<void> => {
      for (let batch = 0; !done; batch += 1) {
        const lines = Array.from(
          { length: rowsOfAppend },
          (_, n) => `${JSON.stringify({ source, batch, n })}\n`,
        );
        const key: Record<string, string> = withKeys ? { 'idempotency-key': `${source}-${batch}` } : {};
        for (;;) {
          const known = await post('t', lines.join(''), { 'content-type': 'application/x-ndjson', ...key });
          if (known) acknowledged.push({ source, batch, rows: rowsOfAppend });
          else await delay(50);
          if (known || !withKeys) break;
        }
      }
    };
    const arrowAppender = async (): Promise<void> => {
      while (!done) {
        if (await post('arrows', stream, arrowType)) arrows += 1;
        else {
          arrowsUnknown += 1;
          await delay(50);
        }
      }
    };
    /** Loads files by the command, each again until it is there. */
    let loader: SkeinProcess | undefined;
    const loads = async (): Promise<void> => {
      for (let batch = 0; !done; batch += 1) {
        const file = join(home, `load-${batch}.csv`);
        const lines = Array.from({ length: rowsOfLoad }, (_, n) => `load,${batch},${n}\n`);
        await writeFile(file, `source,batch,n\n${lines.join('')}`);
        for (;;) {
          loader = new SkeinProcess([
            ...['load', 't', file, '--server', victims.url, '--idempotency-key', `load-${batch}`],
          ]);
          await loader.ended(120_000);
          if (loader.child.exitCode === 0) break;
          await delay(100);
        }
        acknowledged.push({ source: 'load', batch, rows: rowsOfLoad });
      }
    };

    const clients = [
      appender('a', false),
      appender('b', false),
      appender('keyed', true),
      arrowAppender(),
      loads(),
    ];
    for (let round = 0; round < rounds; round += 1) {
      const before = acknowledged.length;
      await until('rows to be acknowledged', 120_000, () => acknowledged.length > before + 5);
      await delay(Math.random() * 1_500);
      switch (['coordinator', 'client', 'worker'][round % 3]) {
        case 'coordinator':
          await victims.coordinator?.kill();
          await victims.startCoordinator();
          break;
        case 'worker':
          await victims.workers.shift()?.kill();
          victims.startWorker();
          break;
        default:
          await loader?.kill();
      }
    }
    done = true;
    await Promise.all(clients);

    await victims.coordinator?.kill();
    await victims.startCoordinator();
    await until('workers', 60_000, async () => (await skein.cluster()).workers.length >= 2);
    const found = await rows('SELECT source, batch, count(*), count(DISTINCT n) FROM t GROUP BY ALL');
    const counts = new Map(
      found.map(([source, batch, all, distinct]) => [`${source} ${batch}`, `${all} ${distinct}`]),
    );
    for (const { source, batch, rows: count } of acknowledged) {
      expect(counts.get(`${source} ${batch}`), `${source} ${batch}`).toBe(`${count} ${count}`);
      counts.delete(`${source} ${batch}`);
    }
    // Nobody was told of these: all of a request's rows, or none.
    expect([...counts.values()].filter((each) => each !== `${rowsOfAppend} ${rowsOfAppend}`)).toEqual([]);
    const [[some] = []] = await rows('SELECT count(*) FROM arrows WHERE id = 100');
    const [[others] = []] = await rows('SELECT count(*) FROM arrows WHERE id = 101');
    expect(some).toBe(others);
    expect(Number(some)).toBeGreaterThanOrEqual(arrows);
    expect(Number(some)).toBeLessThanOrEqual(arrows + arrowsUnknown);

    await rows('VACUUM t RETAIN 0 HOURS');
    const [[live] = []] = await rows(`SELECT count(*) FROM system.files WHERE table_name = 't'`);
    const entries = await readdir(join(data, '_tables', 'main'), { recursive: true, withFileTypes: true });
    const files = entries.filter(
      ({ parentPath, name }) => /main\/t-[^/]*$/.test(parentPath) && name.endsWith('.parquet'),
    );
    expect(files.length).toBe(Number(live));
    expect((await rows('SELECT count(*) FROM t'))[0]?.[0]).toBe(
      found.reduce((sum, [, , all]) => sum + BigInt(String(all)), 0n),
    );
  },
  rounds * 90_000,
);
