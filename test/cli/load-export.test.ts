import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SkeinHome, type SkeinProcess } from './skein-process.ts';

const home = new SkeinHome();
const data = join(home.path, 'data');
const csv = 'id,name\n1,Ada\n2,"Grace, H."\n';
let server: SkeinProcess;
let url: string;

beforeAll(async () => {
  mkdirSync(data);
  server = home.start(['start', '--data', data, '--port', '0', '--workers', '2']);
  [url] = await server.waitFor(/http:\/\/127\.0\.0\.1:\d+/);
  writeFileSync(join(home.path, 'people.csv.gz'), gzipSync(csv));
});
afterAll(() => home.remove());

const file = (name: string): string => join(home.path, name);
const run = (...args: string[]): ReturnType<SkeinHome['run']> => home.run([...args, '--server', url]);

describe('skein load', () => {
  it('makes a table of a file, once for a key', async () => {
    const load = ['load', 'people', file('people.csv.gz'), '--create', '--idempotency-key', 'first'];
    expect(await run(...load)).toMatchObject({
      exitCode: 0,
      out: expect.stringMatching(/^loaded: 2 rows into main\.people/) as string,
    });
    expect((await run(...load)).out).toMatch(/^loaded before: 2 rows/);
    expect((await run('query', 'FROM people ORDER BY id', '--format', 'csv')).out).toBe(csv);
  });

  it('adds nothing of a file that does not fit, and says where', async () => {
    writeFileSync(file('bad.csv'), 'id,name\n3,Eve\nx,Mallory\n');
    const { exitCode, out, err } = await run('load', 'people', file('bad.csv'));
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' });
    expect(err).toMatch(/^error 22\w{3}: .*(?:line 3|bad\.csv)/is);
    expect((await run('query', 'SELECT count(*) AS n FROM people', '--format', 'csv')).out).toBe('n\n2\n');
  });
});

describe('skein export', () => {
  it.each([
    ['people.csv', csv],
    ['people.jsonl', '{"id":1,"name":"Ada"}\n{"id":2,"name":"Grace, H."}\n'],
  ])("writes a server's rows here: %s, plain and compressed", async (name, text) => {
    const sql = ['export', '--sql', 'FROM people ORDER BY id'];
    expect((await run(...sql, file(`out-${name}`))).out).toMatch(/^wrote 2 rows/);
    expect(readFileSync(file(`out-${name}`), 'utf8')).toBe(text);
    expect((await run(...sql, file(`out-${name}.gz`))).exitCode).toBe(0);
    expect(gunzipSync(readFileSync(file(`out-${name}.gz`))).toString()).toBe(text);
  });

  it('writes Parquet without a server, which loads again', async () => {
    const folder = ['--data', data];
    const { out } = await home.run(['export', 'people', file('people.parquet'), ...folder]);
    expect(out).toMatch(/^wrote 2 rows/);
    expect((await run('load', 'again', file('people.parquet'), '--create')).exitCode).toBe(0);
    const same = 'SELECT count(*) AS n FROM (FROM people INTERSECT FROM again)';
    expect((await run('query', same, '--format', 'csv')).out).toBe('n\n2\n');
  });

  it.each([
    ['t.zst', /not known by its name/],
    ['t.csv.zst', /cannot be compressed here/],
    ['t.parquet', /cannot be written here as Parquet/],
  ])('says what to do for %s of a server, and leaves nothing', async (name, message) => {
    const { exitCode, err } = await run('export', 'people', file(name));
    expect(exitCode).not.toBe(0);
    expect(err).toMatch(message);
    expect(() => readFileSync(file(name))).toThrow();
  });
});
