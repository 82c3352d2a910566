import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = new URL('../../', import.meta.url).pathname;
const tpch = join(root, 'test/data/tpch/sf0.01');
let home = '';

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'skein-exit-'));
});

afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

const embedded = `
  const skein = await Skein.open({ data: ${JSON.stringify(tpch)}, workers: 2 });
  const nations = await skein.query('SELECT * FROM nation', { settings: { local_bypass: 'off' } }).rows();
  console.log(nations.length);`;

const programs: readonly [string, string, string][] = [
  ['an engine that was closed', `${embedded} await skein.close();`, '25'],
  [
    'an engine that was closed with rows unread',
    `${embedded}
    const unread = skein.query('SELECT * FROM lineitem');
    await unread.columns();
    for await (const batch of skein.query('SELECT * FROM lineitem')) break;
    await skein.close();`,
    '25',
  ],
  [
    'a client, and a server, that were closed',
    `const server = await startCoordinator({ data: ${JSON.stringify(tpch)}, workers: 1, port: 0 });
    const skein = await Skein.open({ server: server.url });
    console.log((await skein.query('SELECT * FROM nation').rows()).length);
    await skein.query('SELECT * FROM lineitem').columns();
    await skein.close();
    await server.close();`,
    '25',
  ],
  [
    'a worker whose coordinator went away',
    `const server = await startCoordinator({ data: ${JSON.stringify(tpch)}, port: 0 });
    const worker = await startWorker({ coordinator: server.url, drainMs: 100 });
    await worker.registered;
    await server.close();
    await worker.close();
    console.log('closed');`,
    'closed',
  ],
];

it.each(programs)('nothing keeps a process alive: %s', async (_what, program, output) => {
  const code = `
    import { Skein, startCoordinator, startWorker } from ${JSON.stringify(join(root, 'dist/main/index.js'))};
    ${program}`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code], {
    env: { ...process.env, SKEIN_HOME: home },
    timeout: 30_000,
  });
  expect(stdout.trim()).toBe(output);
  expect(await readdir(join(home, 'spool'))).toEqual([]);
});
