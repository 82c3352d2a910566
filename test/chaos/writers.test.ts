import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Skein } from '../../src/index.ts';
import { FakeS3 } from '../support/fake-s3.ts';
import { motoMissing, startMoto } from '../support/moto-server.ts';
import { NodeScript } from './processes.ts';

const isLong = process.env.SKEIN_LONG === '1';
const writersOf = (endpoint: string): number => (isLong || endpoint === '' ? 8 : 4);
const forMs = isLong ? 60_000 : 5_000;
const built = new URL('../../dist/index.js', import.meta.url).href;

/**
 * Appends rows of its own and counts up rows that it shares with the others, by turns, and prints what it was told:
 * `a 7` for an acknowledged append of the number 7, `u` for an acknowledged update, `r 40001` for a refusal, `? CODE` for
 * anything else.
 */
const script = (data: string, spool: string, endpoint: string, writer: number): string => `
import { existsSync } from 'node:fs';
import { Skein } from ${JSON.stringify(built)};
const skein = await Skein.open({ data: ${JSON.stringify(data)}, spool: ${JSON.stringify(spool)}, threads: 1,
  memory: '128MiB', s3: ${endpoint === '' ? '{}' : JSON.stringify({ endpoint })} });
const run = async (sql, told) => {
  try {
    const [[count]] = await skein.query(sql).rows({ as: 'arrays' });
    if (count !== 1n) console.log('? count ' + count);
    console.log(told);
  } catch (error) {
    console.log((error.sqlState === '40001' ? 'r ' : '? ') + error.sqlState + ' ' + error.message.replaceAll('\\n', ' '));
  }
};
await skein.query('SELECT count(*) FROM rows').rows();
console.log('ready');
while (!existsSync(${JSON.stringify(join(spool, 'go'))})) await new Promise((resolve) => setTimeout(resolve, 20));
const end = performance.now() + ${forMs};
for (let n = 0; performance.now() < end; n += 1) {
  if (n % 3 < 2) await run(\`INSERT INTO rows VALUES (${writer}, \${n})\`, 'a ' + n);
  else await run('UPDATE counters SET n = n + 1 WHERE id = 1', 'u');
}
await skein.close();
console.log('done');
process.exit(0);
`;

interface Place {
  readonly name: string;
  readonly skip: boolean;
  start(): Promise<{ readonly data: string; readonly endpoint: string; close(): Promise<unknown> }>;
}

const places: readonly Place[] = [
  {
    name: 'local disk',
    skip: false,
    start: async () => {
      const data = await mkdtemp(join(tmpdir(), 'skein-writers-'));
      return { data, endpoint: '', close: () => rm(data, { recursive: true, force: true }) };
    },
  },
  {
    name: 'a fake S3',
    skip: false,
    start: async () => {
      const fake = await FakeS3.start();
      return { data: 's3://bucket/w', endpoint: fake.endpoint, close: () => fake.close() };
    },
  },
  {
    name: 'moto',
    // As the fake one, and slower: a request at a time.
    skip: !isLong || motoMissing() !== undefined,
    start: async () => {
      const moto = await startMoto();
      return { data: `s3://${moto.bucket}/w`, endpoint: moto.endpoint, close: () => moto.close() };
    },
  },
];

let spool: string;
const before = { ...process.env };
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  spool = await mkdtemp(join(tmpdir(), 'skein-spool-'));
  process.env.AWS_ACCESS_KEY_ID = 'AKIATESTTESTTESTTEST';
  process.env.AWS_SECRET_ACCESS_KEY = 'secret';
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
afterAll(async () => {
  process.env = before;
  await rm(spool, { recursive: true, force: true });
});

/** Numbers told by lines `TAG number`, or how many such lines there are. */
const lines = (output: string, tag: string): string[] =>
  output
    .split('\n')
    .filter((line) => line === tag || line.startsWith(`${tag} `))
    .map((line) => line.slice(tag.length + 1));

describe.each(places)('on $name', ({ start, skip }) => {
  test.skipIf(skip)(
    'processes that write one table: what was acknowledged is there, once',
    async () => {
      const { data, endpoint, close } = await start();
      closers.push(close);
      const writers = writersOf(endpoint);
      const open = async (): Promise<Skein> => {
        const skein = await Skein.open({
          data,
          spool,
          threads: 1,
          memory: '256MiB',
          s3: endpoint === '' ? {} : { endpoint },
        });
        closers.push(() => skein.close());
        return skein;
      };
      const skein = await open();
      const rows = (sql: string) => skein.query(sql).rows({ as: 'arrays' });
      await rows(`CREATE TABLE rows (writer INTEGER, n INTEGER) WITH ('delta.checkpointInterval' = '10')`);
      await rows('CREATE TABLE counters AS SELECT i AS id, 0 AS n FROM range(3) r(i)');
      const processes = Array.from(
        { length: writers },
        (_, index) => new NodeScript(script(data, spool, endpoint, index)),
      );
      const ends = processes.map(({ child }) => once(child, 'close'));
      await Promise.all(processes.map((each) => each.printed(/^ready$/m, 60_000)));
      await writeFile(join(spool, 'go'), '');
      await Promise.all(ends);
      await rm(join(spool, 'go'));
      const outputs = processes.map(({ output }) => output);
      expect(outputs.flatMap((output) => lines(output, '?'))).toEqual([]);
      expect(
        outputs.every((output) => /^done$/m.test(output)),
        outputs.join('\n'),
      ).toBe(true);

      const appended = outputs.flatMap((output, writer) => lines(output, 'a').map((n) => `${writer} ${n}`));
      expect(appended.length).toBeGreaterThan(writers);
      const found = await rows(`SELECT concat(writer, ' ', n) FROM rows`);
      expect(found.map(([text]) => text).sort()).toEqual(appended.sort());
      const updates = outputs.reduce((sum, output) => sum + lines(output, 'u').length, 0);
      expect(updates).toBeGreaterThan(0);
      expect(await rows('SELECT id, n FROM counters ORDER BY id')).toEqual([
        [0n, 0],
        [1n, updates],
        [2n, 0],
      ]);
      const other = await open();
      for (const [table, commits] of [
        ['rows', appended.length],
        ['counters', updates],
      ] as const) {
        const history = (await other.query(`DESCRIBE HISTORY ${table}`).rows()) as { version: bigint }[];
        const versions = history.map(({ version }) => Number(version)).reverse();
        expect(versions).toEqual(Array.from({ length: commits + 1 }, (_, version) => version));
      }
      if (endpoint === '') expect((await readdir(join(data, '_tables/main'))).length).toBe(2);
    },
    forMs + 120_000,
  );
});
