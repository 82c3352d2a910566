import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Config, type FlagValues, loadConfig } from './config.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'skein-config-'));
});
afterEach(() => rmSync(home, { recursive: true }));

function load(flags: FlagValues = {}, env: Record<string, string> = {}): Config {
  return loadConfig({ flags, env: { SKEIN_HOME: home, ...env }, folder: '/work' });
}

function writeConfig(value: unknown): string {
  const path = join(home, 'config.json');
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
}

describe('loadConfig', () => {
  it('takes flag over environment over file over default, and tells which', () => {
    const path = writeConfig({ workers: 2, threads: 3, memory: '1GB' });
    const config = load({ workers: '4' }, { SKEIN_WORKERS: '3', SKEIN_THREADS: '5' });
    expect(config.values).toMatchObject({ workers: 4, threads: 5, memory: 1e9, port: 8642 });
    expect(config.sources).toMatchObject({
      workers: { kind: 'flag', flag: '--workers' },
      threads: { kind: 'environment', variable: 'SKEIN_THREADS' },
      memory: { kind: 'file', path },
      port: { kind: 'default' },
    });
    expect(config.home).toBe(home);
  });

  it('needs no file, unless one was named', () => {
    expect(load().file).toEqual({ path: join(home, 'config.json'), exists: false });
    expect(() => load({ config: 'none.json' })).toThrow('cannot read configuration file /work/none.json');
  });

  it('keeps everything under ~/.skein by default', () => {
    const config = loadConfig({ flags: { config: writeConfig({}) }, env: {}, folder: '/work' });
    expect(config.home).toBe(join(homedir(), '.skein'));
  });

  it('starts relative paths where they were written', () => {
    writeConfig({ data: 'tables', spool: '~/spool' });
    expect(load().values).toMatchObject({ data: join(home, 'tables'), spool: join(homedir(), 'spool') });
    expect(load({ data: 'here' }).values.data).toBe('/work/here');
  });

  it('refuses unknown keys with the nearest name', () => {
    writeConfig({ wrokers: 2 });
    expect(() => load()).toThrow(
      expect.objectContaining({
        message: `unknown key "wrokers" in configuration file ${join(home, 'config.json')}`,
        hint: 'did you mean "workers"?',
      }),
    );
    writeConfig({ home: '/x' });
    expect(() => load()).toThrow('"home" cannot be set in the configuration file');
  });

  it.each([
    ['{', 'is not JSON'],
    ['[]', 'must hold one JSON object'],
    ['{"workers": {}}', '"workers" in'],
    ['{"workers": 0}', 'expected a whole number from 1 to 1024, got "0"'],
    ['{"memory": "lots"}', 'expected a size such as 4GB or 512MiB, got "lots"'],
    ['{"drainTimeout": 30}', 'expected a duration such as 30s'],
    ['{"format": "xml"}', 'expected one of table, json, jsonl, csv, markdown, got "xml"'],
  ])('refuses the file %s', (text, message) => {
    writeConfig(text);
    expect(() => load()).toThrow(message);
  });

  it('names the flag or variable that is wrong', () => {
    expect(() => load({ port: '99999' })).toThrow(
      '--port: expected a whole number from 0 to 65535, got "99999"',
    );
    expect(() => load({}, { SKEIN_SERVER: 'localhost' })).toThrow(
      'SKEIN_SERVER: expected a URL such as http://127.0.0.1:8642, got "localhost"',
    );
  });

  it('reads booleans, settings and parameters from all three places', () => {
    writeConfig({ stats: true, set: { TimeZone: 'UTC', threads: 4 }, benchWorkers: [1, 3] });
    expect(load().values).toMatchObject({
      stats: true,
      set: { TimeZone: 'UTC', threads: '4' },
      benchWorkers: [1, 3],
    });
    expect(load({ stats: false }).values.stats).toBe(false);
    expect(load({ set: ['a=x,y', 'b = 1'] }).values.set).toEqual({ a: 'x,y', b: '1' });
    expect(load({}, { SKEIN_SET: 'a=1,b=2' }).values.set).toEqual({ a: '1', b: '2' });
    expect(load({}, { SKEIN_PARAM: '[1, "x"]' }).values.param).toEqual([1, 'x']);
  });

  it.each([
    [
      ['42', '-1.5', 'true', 'null', 'text', '"42"', '[1,2]', '007'],
      [42, -1.5, true, null, 'text', '42', [1, 2], '007'],
    ],
    [['9223372036854775807'], [9223372036854775807n]],
    [['id=5', 'name=Ann Lee', 'eq=a=b'], { id: 5, name: 'Ann Lee', eq: 'a=b' }],
    [['"a=b"'], ['a=b']],
  ])('reads parameters %j', (param, value) => expect(load({ param }).values.param).toEqual(value));

  it('refuses parameters by name and by position at once', () => {
    expect(() => load({ param: ['id=5', '6'] })).toThrow(
      '--param: expected name=value, as for the other parameters',
    );
  });

  it("ignores empty variables and Kubernetes' own, and lists unknown ones", () => {
    const config = load({}, { SKEIN_PORT: 'tcp://10.0.0.1:80', SKEIN_HOST: '', SKEIN_WROKERS: '3' });
    expect(config.values).toMatchObject({ port: 8642, host: '127.0.0.1' });
    expect(config.unknownVariables).toEqual(['SKEIN_WROKERS']);
  });
});
