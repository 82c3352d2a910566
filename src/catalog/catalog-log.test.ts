import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../common/index.ts';
import { ObjectStores } from '../storage/index.ts';
import type { TableEntry, ViewEntry } from './catalog-document.ts';
import { CatalogLog } from './catalog-log.ts';
import {
  addSchema,
  putTable,
  putView,
  removeObject,
  removeSchema,
  renameObject,
  setComment,
} from './edit-document.ts';

const stores = new ObjectStores({ clock: systemClock, random: systemRandom });
let dir: string;
let count = 0;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skein-catalog-log-'));
});

afterAll(async () => {
  await rm(dir, { recursive: true });
});

function logOf(root: string): CatalogLog {
  return new CatalogLog({ store: stores.open(root), clock: systemClock, random: systemRandom });
}

const newRoot = (): string => join(dir, String(++count));
const fileOf = (root: string, version: number): string =>
  join(root, '_skein/catalog', `${String(version).padStart(20, '0')}.json`);

function table(schema: string, name: string): TableEntry {
  return {
    schema,
    name,
    location: `_tables/${schema}/${name}-1`,
    kind: 'managed',
    format: 'delta',
    options: {},
  };
}

function view(schema: string, name: string, columns: readonly string[] = ['a']): ViewEntry {
  return { schema, name, sql: 'SELECT 1 AS a', aliases: [], columns, searchSchema: 'main' };
}

describe('CatalogLog', () => {
  it('begins empty, and shows what others committed', async () => {
    const root = newRoot();
    const [one, other] = [logOf(root), logOf(root)];
    expect(await one.latest()).toMatchObject({ version: 0, schemas: [], tables: [] });
    await one.commit(addSchema('sales'));
    await one.commit(putTable(table('Sales', 'orders'), false));
    expect(await other.latest()).toMatchObject({
      version: 2,
      schemas: ['sales'],
      tables: [{ schema: 'sales', name: 'orders' }],
    });
    expect(other.current.version).toBe(2);
  });

  it('keeps every commit of many writers', async () => {
    const root = newRoot();
    const writers = Array.from({ length: 6 }, () => logOf(root));
    await Promise.all(
      writers.map(async (log, writer) => {
        for (let index = 0; index < 5; index += 1) {
          await log.commit(putTable(table('main', `t_${writer}_${index}`), false));
        }
      }),
    );
    const last = await logOf(root).latest();
    expect(last.version).toBe(30);
    expect(new Set(last.tables.map(({ name }) => name)).size).toBe(30);
  });

  it('lets one of two writers have a name', async () => {
    const root = newRoot();
    const results = await Promise.allSettled(
      [logOf(root), logOf(root)].map((log) => log.commit(putTable(table('main', 't'), false))),
    );
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { sqlState: '42P07' },
    });
  });

  it('names a file that is corrupt, and takes no older version for it', async () => {
    const root = newRoot();
    await logOf(root).commit(addSchema('a'));
    const log = logOf(root);
    await log.commit(addSchema('b'));
    await log.commit(addSchema('c'));
    const file = fileOf(root, 3);
    const text = await readFile(file, 'utf8');
    for (const broken of [text.slice(0, 50), '', '[]', '{"format":1}', text.replace('"c"', '"d"')]) {
      await writeFile(file, broken);
      await expect(logOf(root).latest()).rejects.toMatchObject({
        sqlState: 'XX001',
        message: expect.stringContaining(file),
      });
    }
    await writeFile(file, text.replace('"format":1', '"format":2'));
    await expect(logOf(root).latest()).rejects.toMatchObject({
      sqlState: '0A000',
      message: expect.stringContaining('format 2'),
    });
    await writeFile(file, await readFile(fileOf(root, 2)));
    await expect(logOf(root).latest()).rejects.toMatchObject({ sqlState: 'XX001' });
  });

  it('deletes versions that are old and many', async () => {
    const root = newRoot();
    const log = logOf(root);
    const weekAgo = new Date(Date.now() - 7 * 86_400_000);
    for (let index = 1; index < 60; index += 1) {
      await log.commit(addSchema(`s${index}`));
      if (index !== 5) await utimes(fileOf(root, index), weekAgo, weekAgo);
    }
    await log.commit(addSchema('last'));
    const left = (await readdir(join(root, '_skein/catalog'))).map((name) => Number.parseInt(name, 10));
    expect(left.sort((a, b) => a - b)).toEqual([5, ...Array.from({ length: 20 }, (_, index) => 41 + index)]);
    expect((await logOf(root).latest()).schemas).toHaveLength(60);
  });
});

describe('changes of a document', () => {
  it('refuses what cannot be, by its SQLSTATE', async () => {
    const log = logOf(newRoot());
    await log.commit(addSchema('s'));
    await log.commit(putTable(table('s', 't'), false));
    await log.commit(putView(view('s', 'v'), false));
    const refused: [string, Parameters<CatalogLog['commit']>[0]][] = [
      ['42P06', addSchema('S')],
      ['42P06', addSchema('main')],
      ['42501', addSchema('information_schema')],
      ['22023', addSchema('a.b')],
      ['3F000', putTable(table('nowhere', 't'), false)],
      ['42P07', putTable(table('s', 'T'), false)],
      ['42P07', putTable(table('s', 'V'), false)],
      ['42809', putTable(table('s', 'v'), true)],
      ['42809', putView(view('s', 't'), true)],
      ['42701', putView(view('s', 'w', ['a', 'A']), false)],
      ['42P01', removeObject({ schema: 's', name: 'x' }, 'table')],
      ['42809', removeObject({ schema: 's', name: 'v' }, 'table')],
      ['42P07', renameObject({ schema: 's', name: 't' }, 'table', 'v')],
      ['2BP01', removeSchema('s', false)],
      ['42501', removeSchema('main', true)],
      ['3F000', removeSchema('x', true)],
    ];
    for (const [sqlState, change] of refused) {
      await expect(log.commit(change), sqlState).rejects.toMatchObject({ sqlState });
    }
    expect(log.current.version).toBe(3);
  });

  it('moves comments with their table, and drops them with it', async () => {
    const log = logOf(newRoot());
    await log.commit(addSchema('s', 'for sales'));
    await log.commit(putTable(table('s', 't'), false));
    await log.commit(setComment({ schema: 's', name: 't' }, undefined, 'one'));
    await log.commit(setComment({ schema: 's', name: 'T' }, undefined, 'two'));
    await log.commit(setComment({ schema: 's', name: 't' }, 'id', 'key'));
    await log.commit(renameObject({ schema: 'S', name: 'T' }, 'table', 'u'));
    expect(log.current.comments).toMatchObject([
      { schema: 's', text: 'for sales' },
      { name: 'u', text: 'two' },
      { name: 'u', column: 'id', text: 'key' },
    ]);
    await log.commit(removeObject({ schema: 's', name: 'u' }, 'table'));
    expect(log.current.comments).toHaveLength(1);
    await log.commit(putView(view('s', 'v'), false));
    const after = await log.commit(removeSchema('S', true));
    expect([after.schemas, after.views, after.comments]).toEqual([[], [], []]);
  });
});
