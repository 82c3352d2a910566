import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SkeinError } from '../../src/common/index.ts';
import type { SqlValue } from '../../src/types/index.ts';
import { startTestEngine, type TestEngine } from '../support/engine.ts';

const off = { local_bypass: 'off' };
let parent: string;
let dir: string;
let engine: TestEngine;
/** So many tasks that write a folder fail. */
let failures = 0;

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'skein-copy-'));
  dir = join(parent, 'data');
  await mkdir(join(dir, 'in'), { recursive: true });
  engine = await startTestEngine({
    dataDir: dir,
    workers: 3,
    faults: () => ({
      async beforeTask({ write }) {
        if (write?.plain === undefined || failures === 0) return;
        failures -= 1;
        throw new SkeinError('58030', 'a fault', { retry: 'task' });
      },
    }),
  });
  await engine.rows('CREATE TABLE many AS SELECT i, hash(i)::VARCHAR AS s FROM range(0) r(i)');
  for (const part of [0, 1, 2, 3]) {
    await engine.rows(
      `INSERT INTO many SELECT i, hash(i)::VARCHAR FROM range(${part * 10000}, ${part * 10000 + 10000}) r(i)`,
    );
  }
});

afterAll(async () => {
  await engine.close();
  await rm(parent, { recursive: true, force: true });
});

const run = (sql: string): Promise<readonly (readonly SqlValue[])[]> => engine.rows(sql, off);

describe('COPY FROM', () => {
  test('reads CSV by position as the types of the table', async () => {
    await run(
      "CREATE TABLE c (code VARCHAR, n DECIMAL(10,2), tags INTEGER[], d DATE DEFAULT DATE '2000-01-01')",
    );
    await writeFile(join(dir, 'in', 'a.csv'), 'x,y,z\n007,1.5,"[1, 2]"\n008,,\n');
    expect(await run(`COPY c (code, n, tags) FROM 'in/a.csv' (HEADER)`)).toEqual([[2n]]);
    expect(await run('SELECT * FROM c ORDER BY code')).toEqual([
      ['007', '1.50', [1, 2], '2000-01-01'],
      ['008', null, null, '2000-01-01'],
    ]);
    await writeFile(join(dir, 'in', 'b.csv'), '1|2;3\n');
    await expect(run(`COPY c FROM '${dir}/in/b.csv' (DELIMITER '|')`)).rejects.toMatchObject({
      sqlState: '42601',
    });
  });

  test('says of a pattern that makes no sense that it is none', async () => {
    await run('CREATE TABLE unmatched (a INTEGER)');
    await expect(run("COPY unmatched FROM 'in/[z-a].csv'")).rejects.toMatchObject({
      sqlState: '22023',
      message: expect.stringContaining('[z-a].csv'),
    });
  });

  test('reads JSON by name, and patterns of files', async () => {
    await run(`CREATE TABLE j (a BIGINT, b VARCHAR DEFAULT 'none', s STRUCT(x INTEGER, y VARCHAR))`);
    await mkdir(join(dir, 'in', 'j'));
    await writeFile(join(dir, 'in', 'j', '1.jsonl'), '{"A":1,"s":{"x":5,"y":"q"}}\n');
    await writeFile(join(dir, 'in', 'j', '2.jsonl'), '{"A":2}\n');
    await writeFile(join(dir, 'in', 'j', '3.json'), '[{"a":9223372036854775807}]');
    expect(await run(`COPY j FROM 'in/j/[12].jsonl'`)).toEqual([[2n]]);
    expect(await run(`COPY j FROM 'in/**/3.json'`)).toEqual([[1n]]);
    expect(await run('SELECT * FROM j ORDER BY a')).toEqual([
      [1n, 'none', { x: 5, y: 'q' }],
      [2n, 'none', null],
      [9223372036854775807n, 'none', null],
    ]);
    await writeFile(join(dir, 'in', 'j', 'x.jsonl'), '{"a":1,"nope":2}\n');
    await expect(run(`COPY j FROM 'in/j/x.jsonl'`)).rejects.toMatchObject({ sqlState: '42703' });
  });

  test('goes nowhere else', async () => {
    await writeFile(join(parent, 'secret.csv'), 'a\n1\n');
    await symlink(join(parent, 'secret.csv'), join(dir, 'in', 'link.csv'));
    for (const path of [`${parent}/secret.csv`, 'in/link.csv', '/etc/hosts', '_skein/catalog/*']) {
      await expect(run(`COPY c FROM '${path}' (FORMAT csv)`)).rejects.toMatchObject({ sqlState: '42501' });
    }
    await expect(run(`COPY c FROM '../secret.csv'`)).rejects.toMatchObject({ sqlState: '22023' });
    await expect(run(`COPY c FROM 'in/l*.csv'`)).rejects.toMatchObject({ sqlState: '58P01' });
    await expect(run(`COPY c FROM 'in/none.csv'`)).rejects.toMatchObject({ sqlState: '58P01' });
    await rm(join(dir, 'in', 'link.csv'));
  });
});

describe('COPY TO', () => {
  test('writes one file, in order, whose rows come back', async () => {
    await run("CREATE TABLE o AS SELECT i, i::VARCHAR || '\"' AS s, i % 3 AS p FROM range(5000) r(i)");
    expect(await run(`COPY (SELECT i, s FROM o ORDER BY i DESC) TO 'out/o.csv' (DELIMITER ';')`)).toEqual([
      [5000n],
    ]);
    const text = await readFile(join(dir, 'out', 'o.csv'), 'utf8');
    expect(text.split('\n').slice(0, 3)).toEqual(['i;s', '4999;"4999"""', '4998;"4998"""']);
    expect(await run(`COPY o TO 'out/o.jsonl.gz'`)).toEqual([[5000n]]);
    expect(
      gunzipSync(await readFile(join(dir, 'out', 'o.jsonl.gz')))
        .toString()
        .trim()
        .split('\n'),
    ).toHaveLength(5000);
    expect(await run(`COPY o (s, i) TO 'out2/o.parquet' (COMPRESSION zstd)`)).toEqual([[5000n]]);
    expect(await run('SELECT count(*), sum(i), min(s) FROM out2')).toEqual([[5000n, 12497500n, '0"']]);
  });

  test('writes a folder, whole or not at all', async () => {
    expect(await run(`COPY o TO 'parts' (FORMAT parquet, PARTITION_BY (p))`)).toEqual([[5000n]]);
    expect(await run('SELECT p, count(*) FROM parts GROUP BY p ORDER BY p')).toEqual([
      [0n, 1667n],
      [1n, 1667n],
      [2n, 1666n],
    ]);
    await expect(run(`COPY o TO 'parts' (FORMAT parquet)`)).rejects.toMatchObject({ sqlState: '42710' });
    await expect(
      run(`COPY (SELECT CASE WHEN i = 4000 THEN error('no') ELSE i END FROM o) TO 'broken' (FORMAT csv)`),
    ).rejects.toThrow('no');
    expect((await readdir(dir)).filter((name) => name.includes('broken'))).toEqual([]);
  });

  test('writes a folder by several workers, each row once, though a task fails', async () => {
    failures = 1;
    expect(await run(`COPY (SELECT i, s FROM many) TO 'spread' (FORMAT csv, PER_THREAD_OUTPUT)`)).toEqual([
      [40000n],
    ]);
    expect(failures).toBe(0);
    const tasks = new Set((await readdir(join(dir, 'spread'))).map((name) => name.split('-')[2]));
    expect(tasks.size).toBeGreaterThan(1);
    expect(await run('SELECT count(*), count(DISTINCT i), sum(i) FROM spread')).toEqual([
      [40000n, 40000n, 799980000n],
    ]);
    const plan = await run(`EXPLAIN COPY many TO 'nowhere' (FORMAT csv)`);
    expect(plan.join('\n')).toMatch(/write files/);
    expect((await readdir(dir)).filter((name) => /nowhere|^\./.test(name))).toEqual([]);
    // Workers give up for good.
    failures = 100;
    await expect(run(`COPY many TO 'gone' (FORMAT json)`)).rejects.toThrow('a fault');
    failures = 0;
    expect((await readdir(dir)).filter((name) => name.includes('gone'))).toEqual([]);
  });

  test('writes a file with the columns where there are no rows', async () => {
    for (const [kind, options] of [
      ['parquet', ''],
      ['csv', `, DELIMITER ';', COMPRESSION gzip`],
      ['json', ''],
    ] as const) {
      expect(
        await run(
          `COPY (SELECT i AS a, s FROM many WHERE i < 0) TO 'none_${kind}' (FORMAT ${kind}${options})`,
        ),
      ).toEqual([[0n]]);
      expect(await readdir(join(dir, `none_${kind}`))).toHaveLength(1);
    }
    expect(await run('SELECT count(*) FROM none_parquet')).toEqual([[0n]]);
    const [name = ''] = await readdir(join(dir, 'none_csv'));
    expect(name).toMatch(/\.csv\.gz$/);
    expect(gunzipSync(await readFile(join(dir, 'none_csv', name))).toString()).toBe('a;s\n');
  });

  test('keeps an order in a file, and partitions of several workers', async () => {
    expect(await run(`COPY (SELECT i FROM many ORDER BY i DESC) TO 'ordered.parquet'`)).toEqual([[40000n]]);
    const [[broken = 1n] = []] = await run(
      'SELECT count(*) FROM (SELECT i, lag(i) OVER () AS before FROM ordered) WHERE before <= i',
    );
    expect(broken).toBe(0n);
    await run(`COPY (SELECT i, i % 5 AS p, s FROM many) TO 'divided' (FORMAT csv, PARTITION_BY (p))`);
    expect(await run('SELECT p, count(*) FROM divided GROUP BY ALL ORDER BY ALL')).toEqual(
      [0n, 1n, 2n, 3n, 4n].map((p) => [p, 8000n]),
    );
  });

  test('refuses options and places', async () => {
    await expect(run(`COPY o TO 'x.csv' (OVERWRITE)`)).rejects.toMatchObject({ sqlState: '22023' });
    await expect(run(`COPY o TO 'x.dat'`)).rejects.toMatchObject({ sqlState: '42601' });
    await expect(run(`COPY o TO '${parent}/x.csv'`)).rejects.toMatchObject({ sqlState: '42501' });
    await expect(run(`COPY o TO '_skein/x.csv'`)).rejects.toMatchObject({ sqlState: '42501' });
    expect(await readdir(engine.spoolDir)).toHaveLength(4);
  });
});
