import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CoordinatorServer, startCoordinator } from '../../src/main/index.ts';

const root = new URL('../../', import.meta.url).pathname;
const text = readFileSync(join(root, 'docs/node-api.md'), 'utf8');

interface Example {
  readonly title: string;
  readonly code: string;
  /** What it prints: the comment lines at its end. */
  readonly output: string;
}

const examples = text.split(/^## /m).flatMap((section): Example[] => {
  const title = section.slice(0, section.indexOf('\n'));
  return [...section.matchAll(/^```js\n(.*?)^```/gms)].map(([, code = '']) => {
    const output = /(^\/\/ .*\n)+$/m.exec(code)?.[0] ?? '';
    return { title, code, output: output.replaceAll(/^\/\/ /gm, '') };
  });
});

let folder = '';
let server: CoordinatorServer | undefined;

beforeAll(async () => {
  if (!existsSync(join(root, 'dist/index.js'))) throw new Error('the examples need a build: npm run build');
  folder = await mkdtemp(join(tmpdir(), 'skein-docs-'));
  const csv = /```csv\n(.*?)```/s.exec(text)?.[1] ?? '';
  await mkdir(join(folder, 'data'));
  await writeFile(join(folder, 'data/users.csv'), csv);
  server = await startCoordinator({ data: join(folder, 'data'), workers: 1, port: 0, spoolDir: folder });
});

afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

it('has examples', () => expect(examples.length).toBeGreaterThan(5));

it.each(examples)('$title', async ({ code, output }) => {
  const program = code
    .replaceAll('./data', join(folder, 'data'))
    .replaceAll('http://localhost:8642', server?.url ?? '');
  // Evaluated in the package, so that it finds itself by its name; it must end by itself.
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: root,
    env: { ...process.env, SKEIN_HOME: folder },
    timeout: 50_000,
  });
  expect(output).not.toBe('');
  expect(stdout).toBe(output);
});
