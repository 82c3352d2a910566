import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type DataSet, makeParquetTables, slices } from '../support/data-set.ts';
import { Cluster } from './cluster.ts';
import { NodeScript } from './processes.ts';

vi.setConfig({ testTimeout: 240_000 });

const rowCount = 5_000_000;
const allowedGrowth = 300 * 1024 * 1024;
const sql = 'SELECT i, v, t FROM many';

let data: DataSet;
let cluster: Cluster;

beforeAll(async () => {
  data = await makeParquetTables([
    { name: 'many', files: slices(4, rowCount, "i, hash(i) % 100000 AS v, 'text ' || i AS t") },
    { name: 'few', files: slices(1, 1000, 'i') },
  ]);
  cluster = await Cluster.start(data.directory, 2);
  // What the first query loads and allocates is not the stream's.
  await cluster.query('SELECT count(*), sum(i) FROM few');
}, 120_000);

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await data.remove();
});

/** Bytes of memory that a process holds. */
async function residentBytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}

/** The largest growth of the process while the work lasts. */
async function growth(pid: number | undefined, work: Promise<unknown>): Promise<number> {
  const before = await residentBytes(pid);
  let most = before;
  let done = false;
  const watched = work.finally(() => {
    done = true;
  });
  while (!done) {
    most = Math.max(most, await residentBytes(pid));
    await Promise.race([watched, new Promise((resolve) => setTimeout(resolve, 50))]);
  }
  await watched;
  return most - before;
}

describe.skipIf(!existsSync('/proc/self/status'))('five million rows', () => {
  test('through REST leave the coordinator small', async () => {
    let bytes = 0;
    let newlines = 0;
    const read = async (): Promise<void> => {
      const response = await fetch(`${cluster.url}/query`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/x-ndjson' },
        body: JSON.stringify({ sql, settings: { local_bypass: 'off' } }),
      });
      let last = '';
      for await (const chunk of response.body ?? []) {
        bytes += chunk.byteLength;
        const text = Buffer.from(chunk).toString('latin1');
        newlines += text.split('\n').length - 1;
        last = (last + text).slice(-2000);
      }
      expect(last).toContain(`"rows":${rowCount}`);
    };
    const grown = await growth(cluster.coordinator.child.pid, read());
    expect(newlines).toBeGreaterThan(1);
    expect(bytes).toBeGreaterThan(rowCount * 10);
    expect(grown).toBeLessThan(allowedGrowth);
  });

  test('through the Node client leave the coordinator and the client small', async () => {
    const script = new NodeScript(
      `import { Skein } from '${new URL('../../dist/index.js', import.meta.url)}';
       const skein = await Skein.open({ server: '${cluster.url}' });
       await skein.query('SELECT count(*) FROM few').rows();
       const before = process.memoryUsage().rss;
       let most = before, rows = 0;
       for await (const batch of skein.query('${sql}', { settings: { local_bypass: 'off' } })) {
         rows += batch.rowCount;
         most = Math.max(most, process.memoryUsage().rss);
       }
       console.log('rows ' + rows + ' grown ' + (most - before) + ' end');
       await skein.close();`,
    );
    const grown = await growth(
      cluster.coordinator.child.pid,
      script.printed(/rows \d+ grown \d+ end/, 200_000),
    );
    const [, rows, client] = /rows (\d+) grown (\d+) end/.exec(script.output) ?? [];
    await script.kill();
    expect(Number(rows)).toBe(rowCount);
    expect(grown).toBeLessThan(allowedGrowth);
    expect(Number(client)).toBeLessThan(allowedGrowth);
  });
});
