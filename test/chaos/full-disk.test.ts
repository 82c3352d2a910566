import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Skein, type SqlValue } from '../../src/index.ts';

const off = { local_bypass: 'off' };
const mounted: string[] = [];
let dir: string;

/** Mounts need root, and a container that lets it. */
function mount(options: readonly string[], folder: string): boolean {
  const done = spawnSync('mount', [...options, folder], { stdio: 'ignore' }).status === 0;
  if (done) mounted.push(folder);
  return done;
}

const canMount = ((): boolean => {
  if (process.getuid?.() !== 0) return false;
  const made = spawnSync('mktemp', ['-d'], { encoding: 'utf8' }).stdout.trim();
  const done = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', made]).status === 0;
  if (done) spawnSync('umount', [made]);
  spawnSync('rmdir', [made]);
  return done;
})();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skein-full-'));
});

afterAll(async () => {
  for (const folder of mounted.reverse()) spawnSync('umount', [folder]);
  await rm(dir, { recursive: true, force: true });
});

async function open(data: string): Promise<Skein> {
  return await Skein.open({ data, workers: 2, spool: join(dir, 'spool'), threads: 1, memory: '128MiB' });
}

async function rowsOf(skein: Skein, sql: string): Promise<SqlValue[][]> {
  return (await skein.query(sql, { settings: off }).rows({ as: 'arrays' })) as SqlValue[][];
}

const count = 'SELECT count(*), sum(id) FROM t';

describe.skipIf(!canMount)('a data folder', () => {
  test('whose disk is full refuses writes, shows nothing of them, and takes them when there is room', async () => {
    const data = join(dir, 'small');
    await mkdir(data);
    expect(mount(['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs'], data)).toBe(true);
    await using skein = await open(data);
    await rowsOf(skein, 'CREATE TABLE t AS SELECT i AS id FROM range(100) r(i)');
    const before = await rowsOf(skein, count);
    const large = 'INSERT INTO t SELECT hash(i)::HUGEINT % 1000000000000 FROM range(2000000) r(i)';
    await expect(rowsOf(skein, large)).rejects.toMatchObject({ sqlState: '53100' });
    expect(await rowsOf(skein, count)).toEqual(before);
    // What the statement wrote is gone: the disk is as empty as before.
    const files = (await readdir(join(data, '_tables'), { recursive: true })).filter((name) =>
      name.endsWith('.parquet'),
    );
    expect(files.length).toBeLessThanOrEqual(2);
    expect(await rowsOf(skein, 'INSERT INTO t VALUES (7)')).toEqual([[1n]]);

    const { bavail, bsize } = await statfs(data);
    await writeFile(join(data, 'filler.bin'), Buffer.alloc(bavail * bsize));
    for (const sql of [
      'INSERT INTO t VALUES (8)',
      'UPDATE t SET id = 0',
      'DELETE FROM t',
      'CREATE TABLE u AS SELECT 1 AS a',
      'CREATE TABLE v (a INTEGER)',
      'CREATE SCHEMA s',
    ]) {
      await expect(rowsOf(skein, sql), sql).rejects.toMatchObject({ sqlState: '53100' });
    }
    expect(await rowsOf(skein, 'SELECT count(*) FROM t')).toEqual([[101n]]);
    await rm(join(data, 'filler.bin'));
    expect(await rowsOf(skein, 'INSERT INTO t VALUES (8)')).toEqual([[1n]]);
    await rowsOf(skein, 'CREATE TABLE u AS SELECT 1 AS a');
    await using restarted = await open(data);
    expect(await rowsOf(restarted, 'SELECT count(*) FROM t')).toEqual([[102n]]);
  });

  test('that is read only is read, and refuses every write', async () => {
    const data = join(dir, 'readonly');
    await mkdir(data);
    {
      await using skein = await open(data);
      await rowsOf(skein, 'CREATE TABLE t AS SELECT i AS id FROM range(100) r(i)');
    }
    expect(mount(['--bind', data], data)).toBe(true);
    expect(mount(['-o', 'remount,bind,ro', data], data)).toBe(true);
    mounted.pop();
    await using skein = await open(data);
    const before = await rowsOf(skein, count);
    for (const sql of [
      'INSERT INTO t VALUES (8)',
      'UPDATE t SET id = 0',
      'DELETE FROM t WHERE id < 5',
      'CREATE TABLE u AS SELECT 1 AS a',
      'CREATE TABLE v (a INTEGER)',
      'CREATE SCHEMA s',
      'DROP TABLE t',
      'ALTER TABLE t ADD COLUMN b INTEGER',
    ]) {
      await expect(rowsOf(skein, sql), sql).rejects.toMatchObject({ sqlState: '42501' });
    }
    expect(await rowsOf(skein, count)).toEqual(before);
  });
});
