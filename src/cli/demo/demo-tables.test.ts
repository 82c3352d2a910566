import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DuckDb } from '../../duckdb/index.ts';
import { makeDemoTables } from './demo-tables.ts';

let home: string;
const signal = new AbortController().signal;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'skein-demo-'));
});
afterAll(() => rmSync(home, { recursive: true }));

async function rows(sql: string): Promise<unknown> {
  const duckdb = await DuckDb.open({
    threads: 1,
    memoryBytes: 2 ** 29,
    tempDirectory: join(home, 'temp'),
    readRoots: [join(home, 'demo')],
    writeRoots: [],
  });
  try {
    await using connection = await duckdb.connect();
    return await connection.rows(
      sql.replaceAll(/(events|users)\b/g, `read_parquet('${home}/demo/$1/*.parquet')`),
    );
  } finally {
    duckdb.close();
  }
}

describe('makeDemoTables', () => {
  it('makes the tables the README promises, the same on every machine', async () => {
    expect(await makeDemoTables(home, signal)).toEqual({ folder: join(home, 'demo'), made: true });
    expect(
      await rows('SELECT count(*), count(DISTINCT user_id), sum(value), max(timestamp)::VARCHAR FROM events'),
    ).toMatchInlineSnapshot(`
      [
        [
          1000000n,
          20000n,
          "33184394.11",
          "2026-03-31 23:59:52.224",
        ],
      ]
    `);
    expect(
      await rows(
        'SELECT count(*), count(DISTINCT name), count(DISTINCT country), min(user_id), max(user_id) FROM users',
      ),
    ).toMatchInlineSnapshot(`
      [
        [
          20000n,
          320n,
          9n,
          1,
          20000,
        ],
      ]
    `);
    expect(
      await rows('SELECT event_type, count(*) FROM events GROUP BY 1 ORDER BY 2 DESC'),
    ).toMatchInlineSnapshot(`
      [
        [
          "page_view",
          598952n,
        ],
        [
          "click",
          221023n,
        ],
        [
          "search",
          99732n,
        ],
        [
          "add_to_cart",
          50280n,
        ],
        [
          "purchase",
          20043n,
        ],
        [
          "signup",
          9970n,
        ],
      ]
    `);
    expect(
      await rows('SELECT count(*) FROM events WHERE user_id NOT IN (SELECT user_id FROM users)'),
    ).toEqual([[0n]]);
  });

  it('leaves whole tables alone', async () => {
    const path = join(home, 'demo/events/part-0.parquet');
    const before = statSync(path).mtimeMs;
    expect(await makeDemoTables(home, signal)).toMatchObject({ made: false });
    expect(statSync(path).mtimeMs).toBe(before);
  });

  it('makes again what is broken, and takes away what a killed start left', async () => {
    truncateSync(join(home, 'demo/events/part-3.parquet'), 100);
    const leftover = join(home, 'demo.new-99999999');
    mkdirSync(leftover);
    writeFileSync(join(leftover, 'x'), '');
    expect(await makeDemoTables(home, signal)).toMatchObject({ made: true });
    expect(await rows('SELECT count(*) FROM events')).toEqual([[1_000_000n]]);
    expect(readdirSync(home).sort()).toEqual(['demo', 'temp']);
  });

  it('leaves nothing behind when it is interrupted', async () => {
    rmSync(join(home, 'demo'), { recursive: true });
    await expect(makeDemoTables(home, AbortSignal.abort())).rejects.toMatchObject({ sqlState: '57014' });
    expect(readdirSync(home)).toEqual(['temp']);
  });
});
