import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Skein, type SqlValue } from '../../src/index.ts';

const off = { local_bypass: 'off' };
let home: string;
let data: string;
let skein: Skein;

async function open(): Promise<Skein> {
  return await Skein.open({ data, workers: 2, spool: join(home, 'spool'), threads: 1, memory: '128MiB' });
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'skein-corrupt-'));
  data = join(home, 'whole');
  await mkdir(data);
  skein = await open();
  await rows(
    `CREATE TABLE bad WITH ('delta.checkpointInterval' = '3') AS SELECT i AS id, 'name ' || i AS name FROM range(2000) r(i)`,
  );
  await rows('CREATE TABLE good AS SELECT 7 AS a');
  for (let n = 0; n < 4; n += 1) await rows(`INSERT INTO bad VALUES (${n}, 'more')`);
  await skein.close();
});

beforeEach(async () => {
  data = await mkdtemp(join(home, 'data-'));
  await cp(join(home, 'whole'), data, { recursive: true });
});

afterEach(() => skein.close());
afterAll(() => rm(home, { recursive: true, force: true }));

async function rows(sql: string): Promise<SqlValue[][]> {
  return (await skein.query(sql, { settings: off }).rows({ as: 'arrays' })) as SqlValue[][];
}

async function files(folder: string, ending: RegExp): Promise<string[]> {
  const found = await readdir(join(data, folder), { recursive: true });
  return found
    .filter((name) => ending.test(name))
    .map((name) => join(data, folder, name))
    .sort();
}

async function first(folder: string, ending: RegExp): Promise<string> {
  const [path] = await files(folder, ending);
  if (path === undefined) throw new Error(`no ${ending} in ${folder}`);
  return path;
}

/** Changes a file and gives back how to undo it. */
async function damage(path: string, change: (bytes: Buffer) => Buffer): Promise<() => Promise<void>> {
  const before = await readFile(path);
  await writeFile(path, change(Buffer.from(before)));
  return () => writeFile(path, before);
}

const flip = (bytes: Buffer): Buffer => {
  const at = Math.floor(bytes.length / 3);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 0x10, at);
  return bytes;
};
const cut = (bytes: Buffer): Buffer => bytes.subarray(0, Math.floor(bytes.length / 2));

/** The table says which file it is and no row; the other table is as ever; and all is well when the file is. */
async function expectNamed(path: string, undo: () => Promise<void>, named = path): Promise<void> {
  skein = await open();
  for (const sql of ['SELECT count(*), min(name) FROM bad', 'DELETE FROM bad WHERE id % 2 = 0']) {
    const error = await rows(sql).then(
      (found) => ({ sqlState: 'none', message: String(found) }),
      (thrown: { sqlState: string; message: string }) => thrown,
    );
    expect(error.sqlState, error.message).toBe('XX001');
    expect(error.message).toContain(named);
  }
  expect(await rows('SELECT * FROM good')).toEqual([[7]]);
  expect(await rows('INSERT INTO good VALUES (8)')).toEqual([[1n]]);
  await undo();
  await expect.poll(() => rows('SELECT count(*) FROM bad').catch(() => undefined)).toEqual([[2004n]]);
}

const largest = async (): Promise<string> => {
  const all = await files('_tables/main', /bad.*\.parquet$/);
  const sized = await Promise.all(
    all
      .filter((path) => !path.includes('_delta_log'))
      .map(async (path) => ({ path, size: (await readFile(path)).length })),
  );
  return sized.sort((a, b) => b.size - a.size)[0]?.path ?? '';
};

describe('a damaged file of a table is named, and no other table suffers:', () => {
  test.each([
    ['a flipped bit in a data file', flip],
    ['a torn data file', cut],
    ['an empty data file', () => Buffer.alloc(0)],
  ])('%s', async (_, change) => {
    const path = await largest();
    await expectNamed(path, await damage(path, change));
  });

  test.each([
    ['a torn log entry', cut],
    ['an empty log entry', () => Buffer.alloc(0)],
    ['a log entry of zeros', (bytes: Buffer) => Buffer.alloc(bytes.length)],
  ])('%s', async (_, change) => {
    const path = (await files('_tables/main', /bad.*0+4\.json$/)).at(-1) ?? '';
    await expectNamed(path, await damage(path, change));
  });

  test('a log entry that is gone', async () => {
    const path = await first('_tables/main', /bad.*0+2\.json$/);
    for (const checkpoint of await files('_tables/main', /bad.*(checkpoint.*parquet|_last_checkpoint)$/))
      await rm(checkpoint);
    const before = await readFile(path);
    await rm(path);
    await expectNamed(path, () => writeFile(path, before), '00000000000000000002');
  });

  test('a damaged checkpoint is passed over while the log has all entries', async () => {
    for (const checkpoint of await files('_tables/main', /bad.*checkpoint.*parquet$/))
      await damage(checkpoint, flip).then(() => truncate(checkpoint, 300));
    skein = await open();
    expect(await rows('SELECT count(*) FROM bad')).toEqual([[2004n]]);
    expect(await rows(`INSERT INTO bad VALUES (5, 'x')`)).toEqual([[1n]]);
    expect(await rows('SELECT count(*) FROM bad')).toEqual([[2005n]]);
  });
});

describe('a damaged catalog document', () => {
  test.each([
    ['flipped', flip],
    ['torn', cut],
    ['empty', () => Buffer.alloc(0)],
  ])('that is %s is named, names nothing wrong, and the process goes on', async (_, change) => {
    const path = (await files('_skein/catalog', /\.json$/)).at(-1) ?? '';
    const undo = await damage(path, change);
    skein = await open();
    for (const sql of ['SELECT * FROM good', 'CREATE TABLE other (a INTEGER)', 'DROP TABLE good']) {
      await expect(rows(sql)).rejects.toMatchObject({
        sqlState: 'XX001',
        message: expect.stringContaining(path),
      });
    }
    await undo();
    await expect.poll(() => rows('SELECT * FROM good').catch(() => undefined)).toEqual([[7]]);
  });
});
