import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { SkeinHome, tpchFolder } from './skein-process.ts';

const home = new SkeinHome();
afterAll(() => home.remove());

const data = ['--data', tpchFolder];
/** Runs for many seconds, on every worker. */
const longQuery = `SELECT count(*) FROM lineitem a, lineitem b, lineitem c
  WHERE a.l_comment || b.l_comment || c.l_comment LIKE '%never%'`;

describe('skein query', () => {
  it('takes SQL from a pipe or a file, and parameters', async () => {
    const csv = ['--format', 'csv', ...data];
    expect(await home.run(['query', '-', ...csv], 'SELECT 1 AS a')).toEqual({
      exitCode: 0,
      out: 'a\n1\n',
      err: '',
    });
    const file = join(home.path, 'q.sql');
    writeFileSync(file, 'SELECT n_name FROM nation WHERE n_nationkey = $key');
    expect((await home.run(['query', '--file', file, '--param', 'key=3', ...csv])).out).toBe(
      'n_name\nCANADA\n',
    );
  });

  it('points at what is wrong and exits with 1', async () => {
    const sql = 'SELECT *\nFROM nations';
    expect(await home.run(['query', sql, ...data])).toEqual({
      exitCode: 1,
      out: '',
      err: expect.stringMatching(
        /^error 42P01: .*nations.*\nLINE 2: FROM nations\n {13}\^\nhint: .*nation/,
      ) as string,
    });
  });

  it('shows the summary, on standard error', async () => {
    const { out, err } = await home.run([
      'query',
      'SELECT count(*) AS n FROM nation',
      '--stats',
      '-f',
      'csv',
      ...data,
    ]);
    expect(out).toBe('n\n25\n');
    expect(err).toMatch(/^1 row in .* · scanned 25 rows, .*\n$/);
  });

  it.each<[string, string[], RegExp]>([
    [
      'an unknown flag',
      ['query', '--fromat', 'csv'],
      /unknown option '--fromat'\n\(Did you mean --format\?\)/,
    ],
    ['an unknown command', ['qurey'], /unknown command 'qurey'\n\(Did you mean query\?\)/],
    ['SQL without quotes', ['query', 'SELECT', '1'], /SQL is one argument, in quotes/],
    ['no SQL', ['query', ...data], /the SQL is empty/],
    ['no data', ['query', 'SELECT 1'], /nothing to query\nhint: .*--data DIR.*--server URL/],
    ['a missing folder', ['query', 'SELECT 1', '--data', '/nowhere'], /there is no folder \/nowhere/],
    ['a wrong value', ['query', 'SELECT 1', ...data, '--memory', 'lots'], /--memory: expected a size/],
    ['an address for all without a secret', ['start', ...data, '--host', '0.0.0.0'], /needs --cluster-token/],
  ])('refuses %s with exit code 2', async (_, args, message) => {
    const { exitCode, out, err } = await home.run(args);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(err).toMatch(message);
    expect(err).not.toMatch(/^ {4}at /m);
  });

  it('refuses an unknown key of the configuration file with exit code 2', async () => {
    const file = join(home.path, 'wrong.json');
    writeFileSync(file, '{"wrokers": 2}');
    const { exitCode, err } = await home.run(['query', 'SELECT 1', '--config', file]);
    expect(exitCode).toBe(2);
    expect(err).toContain('did you mean "workers"?');
  });

  it('stops all tasks at Ctrl-C and exits with 130', async () => {
    const query = home.start(['query', longQuery, ...data, '--workers', '2', '--set', 'local_bypass=off']);
    const spool = join(home.path, 'spool');
    while (files(spool).length === 0) await delay(20);
    await delay(500);
    query.kill('SIGINT');
    expect(await query.ended).toEqual({ exitCode: 130, out: '', err: 'canceled\n' });
    expect(files(spool)).toEqual([]);
  });

  it('ends quietly when its reader has seen enough', async () => {
    const query = home.start(['query', 'SELECT * FROM lineitem, range(1000)', '--format', 'csv', ...data]);
    await query.waitFor(/l_orderkey/);
    query.closeStdout();
    expect(await query.ended).toMatchObject({ exitCode: 0, err: '' });
  });

  it('cancels a query that takes too long', async () => {
    const { exitCode, err } = await home.run(['query', longQuery, ...data, '--timeout', '500ms']);
    expect(exitCode).toBe(1);
    expect(err).toMatch(/^error 57014: .*500 ms/);
  });
});

describe('skein explain', () => {
  it('shows the stages, and what happened with --analyze', async () => {
    const sql = 'SELECT n_regionkey, count(*) FROM nation GROUP BY 1';
    const args = [sql, ...data, '--workers', '2', '--set', 'local_bypass=off'];
    const plan = await home.run(['explain', ...args]);
    expect(plan.exitCode).toBe(0);
    expect(plan.out).toMatch(/scan main\.nation/);
    const analyzed = await home.run(['explain', '--analyze', '--format', 'json', ...args]);
    expect(JSON.parse(analyzed.out)).toMatchObject({ stages: expect.arrayContaining([]) as unknown });
  });
});

function files(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
