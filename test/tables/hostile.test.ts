import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Skein, type SqlValue } from '../../src/index.ts';

const off = { local_bypass: 'off' };
const secret = 'top-secret-content';
let dir: string;
let data: string;
let outside: string;
let skein: Skein;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skein-hostile-'));
  [data, outside] = [join(dir, 'data'), join(dir, 'outside')];
  await Promise.all([data, outside].map((folder) => mkdir(folder)));
  await writeFile(join(outside, 'secret.csv'), `a\n${secret}\n`);
  const other = await Skein.open({ data: outside, spool: join(dir, 'spool'), threads: 1, memory: '128MiB' });
  await other.query('CREATE TABLE hidden AS SELECT 1::BIGINT AS id').rows();
  const [row] = await other.query(`SELECT path FROM system.files WHERE table_name = 'hidden'`).rows();
  await other.close();
  await symlink(join(outside, 'secret.csv'), join(outside, 'link.csv'));
  hiddenFile = String(row?.path);
  if (!hiddenFile.startsWith(outside)) throw new Error(`no absolute path: ${hiddenFile}`);
  skein = await Skein.open({ data, workers: 2, spool: join(dir, 'spool'), threads: 1, memory: '128MiB' });
});
let hiddenFile: string;

afterAll(async () => {
  await skein.close();
  await rm(dir, { recursive: true, force: true });
});

async function rows(sql: string): Promise<SqlValue[][]> {
  return (await skein.query(sql, { settings: off }).rows({ as: 'arrays' })) as SqlValue[][];
}

async function failure(sql: string): Promise<{ readonly sqlState: string; readonly message: string }> {
  return await rows(sql).then(
    (found) => ({
      sqlState: 'none',
      message: JSON.stringify(found, (_, v) => (typeof v === 'bigint' ? `${v}` : v)),
    }),
    (error: { sqlState: string; message: string }) => error,
  );
}

const schemaString = JSON.stringify({
  type: 'struct',
  fields: [{ name: 'id', type: 'long', nullable: true, metadata: {} }],
});

/** A Delta table in the data folder whose log says what it likes. */
async function logOf(name: string, add: Readonly<Record<string, unknown>>): Promise<void> {
  const log = join(data, name, '_delta_log');
  await mkdir(log, { recursive: true });
  const features =
    'deletionVector' in add
      ? {
          minReaderVersion: 3,
          minWriterVersion: 7,
          readerFeatures: ['deletionVectors'],
          writerFeatures: ['deletionVectors'],
        }
      : { minReaderVersion: 1, minWriterVersion: 2 };
  const actions = [
    { protocol: features },
    {
      metaData: {
        id: name,
        format: { provider: 'parquet', options: {} },
        schemaString,
        partitionColumns: [],
        configuration: {},
      },
    },
    {
      add: {
        partitionValues: {},
        size: 500,
        modificationTime: 0,
        dataChange: true,
        stats: '{"numRecords":1}',
        ...add,
      },
    },
  ];
  await writeFile(
    join(log, '00000000000000000000.json'),
    actions.map((each) => `${JSON.stringify(each)}\n`).join(''),
  );
}

describe('a log written by somebody else', () => {
  test.each([
    ['a file URL', () => ({ path: 'file:///etc/passwd' }), '42501'],
    ['a file URL in capitals', () => ({ path: 'FILE:/etc/passwd' }), '42501'],
    ['an absolute path', () => ({ path: hiddenFile }), '42501'],
    ['an escaped one', () => ({ path: `file://${hiddenFile.replace('outside', '%6Futside')}` }), '42501'],
    ['another bucket', () => ({ path: 's3://other/secret.parquet' }), '42501'],
    ['another scheme', () => ({ path: 'memory://x/secret.parquet' }), '42501'],
    ['a way up', () => ({ path: '../../outside/x.parquet' }), 'XX001'],
    ['an escaped way up', () => ({ path: '%2e%2e/%2e%2e/outside/x.parquet' }), 'XX001'],
    ['a way up in a URL', () => ({ path: `file://${data}/../outside/x.parquet` }), 'XX001'],
    [
      'deletion vectors elsewhere',
      () => ({
        path: 'x.parquet',
        deletionVector: {
          storageType: 'p',
          pathOrInlineDv: 'file:///etc/passwd',
          offset: 1,
          sizeInBytes: 30,
          cardinality: 1,
        },
      }),
      '42501',
    ],
  ])('cannot name %s', async (name, add, sqlState) => {
    const table = name.replaceAll(' ', '_').toLowerCase();
    await logOf(table, add());
    for (const sql of [
      `SELECT * FROM ${table}`,
      `SELECT count(*) FROM ${table} AT (VERSION => 0)`,
      `DELETE FROM ${table} WHERE id = 1`,
      `CREATE TABLE copied SHALLOW CLONE ${table}`,
      `VACUUM ${table}`,
    ]) {
      const error = await failure(sql);
      expect(error.sqlState, `${sql}: ${error.message}`).toBe(sqlState);
      expect(error.message).not.toContain('root:');
    }
    expect(await rows('SELECT 42')).toEqual([[42]]);
  });

  test('cannot lead out of the data folder by links', async () => {
    await logOf('linked', { path: 'x.parquet', size: 100 });
    await symlink(hiddenFile, join(data, 'linked/x.parquet'));
    expect((await failure('SELECT * FROM linked')).sqlState).not.toBe('none');
    await symlink(outside, join(data, 'folder'));
    expect((await failure('SELECT * FROM folder')).message).not.toContain(secret);
  });
});

describe('a statement', () => {
  test.each([
    ['CREATE TABLE e LOCATION', '/etc'],
    ['CREATE TABLE e LOCATION', 'OUTSIDE/secret.csv'],
    ['CREATE TABLE e LOCATION', 'file:///etc'],
    ['CREATE TABLE e LOCATION', 'DATA/../outside/secret.csv'],
    ['CREATE TABLE e LOCATION', 's3://other/place'],
    ['CREATE TABLE e LOCATION', 'DATA/out/secret.csv'],
    ['CREATE TABLE e (a INTEGER) LOCATION', 'DATA/out/new'],
    ['CREATE TABLE e (a INTEGER) LOCATION', 'DATA/_skein/catalog'],
    ['CREATE TABLE e (a INTEGER) LOCATION', 'memory://x'],
  ])('%s %s is refused', async (head, location) => {
    await symlink(outside, join(data, 'out')).catch(() => undefined);
    const place = location.replace('OUTSIDE', outside).replace('DATA', data);
    const error = await failure(`${head} '${place}'`);
    expect(['42501', '22023'], error.message).toContain(error.sqlState);
    expect(error.message).not.toContain(secret);
  });

  test('cannot pass its own errors for those of the engine', async () => {
    await rows('CREATE TABLE strict (a INTEGER NOT NULL CHECK (a > 0))');
    await expect(rows('INSERT INTO strict VALUES (-1)')).rejects.toMatchObject({ sqlState: '23514' });
    for (const text of [
      'skein-row-violates:CHECK mine',
      'skein-row-violates:NOT NULL',
      'XX000: internal',
      '53100',
    ]) {
      const sql = `INSERT INTO strict SELECT CASE WHEN i > 5 THEN error('${text}') ELSE i + 1 END FROM range(10) r(i)`;
      const { sqlState, message } = await failure(sql);
      expect(sqlState.slice(0, 2), message).toBe('22');
    }
    expect(await rows('SELECT count(*) FROM strict')).toEqual([[0n]]);
  });

  test('cannot read what functions of DuckDB could', async () => {
    for (const call of [
      `read_csv('${outside}/secret.csv')`,
      `read_text('/etc/passwd')`,
      `'${outside}/secret.csv'`,
    ]) {
      await rows('CREATE TABLE IF NOT EXISTS taken (a VARCHAR)');
      const error = await failure(`INSERT INTO taken SELECT * FROM ${call}`);
      expect(error.sqlState).not.toBe('none');
      expect(error.message).not.toContain(secret);
    }
    expect(await rows('SELECT * FROM taken')).toEqual([]);
  });
});
