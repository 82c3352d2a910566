import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Skein, type SqlValue } from '../../src/index.ts';

/** Of each engine that writes. */
const rounds = process.env.SKEIN_LONG === '1' ? 100 : 8;

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skein-optimize-'));
  await mkdir(join(dir, 'data'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const rowsOf = (skein: Skein, sql: string): Promise<SqlValue[][]> => skein.query(sql).rows({ as: 'arrays' });

/** What an engine was told. */
interface Told {
  readonly inserted: Set<number>;
  readonly deleted: Set<number>;
  updates: number;
  rearranged: number;
}

/** 40001 is an answer, too: the statement did nothing. @returns whether it was done */
async function done(skein: Skein, sql: string): Promise<boolean> {
  try {
    await rowsOf(skein, sql);
    return true;
  } catch (error) {
    if ((error as { readonly sqlState?: string }).sqlState === '40001') return false;
    throw error;
  }
}

describe.each([
  ['rewrites', ''],
  ['deletion vectors', `'delta.enableDeletionVectors' = 'true',`],
  ['a feed of changes', `'delta.enableChangeDataFeed' = 'true', 'delta.enableDeletionVectors' = 'true',`],
])('OPTIMIZE of a table with %s', (name, properties) => {
  test('while engines append, update and delete, loses and doubles no row', {
    timeout: rounds * 5_000 + 120_000,
  }, async () => {
    const table = `t_${name.replaceAll(' ', '_')}`;
    const open = (): Promise<Skein> =>
      Skein.open({ data: join(dir, 'data'), spool: join(dir, 'spool'), threads: 1, memory: '128MiB' });
    await using one = await open();
    await using two = await open();
    await using three = await open();
    await rowsOf(
      one,
      `CREATE TABLE ${table} (k BIGINT, n BIGINT) WITH (${properties} 'delta.checkpointInterval' = '7')`,
    );
    await rowsOf(one, `INSERT INTO ${table} SELECT -1 - i, 0 FROM range(3) r(i)`);
    const told: Told = { inserted: new Set(), deleted: new Set(), updates: 0, rearranged: 0 };
    let writing = true;
    const writer = async (skein: Skein, first: number): Promise<void> => {
      for (let k = first; k < first + rounds; k += 1) {
        await rowsOf(skein, `INSERT INTO ${table} VALUES (${k}, 0)`);
        told.inserted.add(k);
        if (k % 3 === 0 && (await done(skein, `UPDATE ${table} SET n = n + 1 WHERE k < 0`)))
          told.updates += 1;
        if (k % 4 === 3 && (await done(skein, `DELETE FROM ${table} WHERE k = ${k - 1}`)))
          told.deleted.add(k - 1);
      }
    };
    const optimizer = async (skein: Skein): Promise<void> => {
      for (let round = 0; writing; round += 1) {
        const order = round % 3 === 2 ? ' ZORDER BY (k)' : '';
        if (await done(skein, `OPTIMIZE ${table}${order}`)) told.rearranged += 1;
        // One after the other would leave no statement that reads the table a gap.
        await delay(700);
      }
    };
    const writers = Promise.all([writer(one, 0), writer(two, 1_000_000)]).finally(() => {
      writing = false;
    });
    await Promise.all([writers, optimizer(three)]);

    expect(told.inserted.size).toBe(2 * rounds);
    expect(told.rearranged).toBeGreaterThan(0);
    await using reader = await open();
    const counters = { n: BigInt(told.updates) };
    expect(await rowsOf(reader, `SELECT k, n FROM ${table} WHERE k < 0 ORDER BY k`)).toEqual(
      [-3n, -2n, -1n].map((k) => [k, counters.n]),
    );
    const found = await rowsOf(reader, `SELECT k FROM ${table} WHERE k >= 0 ORDER BY k`);
    const kept = [...told.inserted].filter((k) => !told.deleted.has(k)).sort((a, b) => a - b);
    expect(found.map(([k]) => Number(k))).toEqual(kept);

    // The protocol wants of a rearrangement that it says so, and changes no row.
    const history = await rowsOf(reader, `DESCRIBE HISTORY ${table}`);
    const rearranged = history.filter((row) => row.includes('OPTIMIZE'));
    expect(rearranged.length).toBeGreaterThan(0);
    for (const [version] of rearranged.slice(0, 3)) {
      const at = (v: bigint): Promise<SqlValue[][]> =>
        rowsOf(reader, `SELECT k, n FROM ${table} AT (VERSION => ${v}) ORDER BY k`);
      expect(await at(BigInt(String(version)))).toEqual(await at(BigInt(String(version)) - 1n));
    }
    if (!properties.includes('ChangeDataFeed')) return;
    const changes = await rowsOf(
      reader,
      `SELECT _change_type, count(*) FROM table_changes('${table}', 0) GROUP BY 1 ORDER BY 1`,
    );
    const updated = 3n * BigInt(told.updates);
    expect(Object.fromEntries(changes)).toEqual({
      insert: 3n + BigInt(told.inserted.size),
      ...(told.deleted.size === 0 ? {} : { delete: BigInt(told.deleted.size) }),
      ...(updated === 0n ? {} : { update_preimage: updated, update_postimage: updated }),
    });
  });
});
