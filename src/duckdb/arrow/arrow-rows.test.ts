import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SkeinError } from '../../common/index.ts';
import { DuckDb } from '../duckdb.ts';
import { ArrowRows } from './arrow-rows.ts';
import { writeArrowParquet } from './write-arrow.ts';

const fixture = async (name: string): Promise<Uint8Array> =>
  new Uint8Array(
    await readFile(new URL(`../../../test/interop/fixtures/arrow/${name}.arrows`, import.meta.url)),
  );
const limits = { rows: 10_000, bytes: 1024 ** 2 };

let dir: string;
let duckDb: DuckDb;
let small: Uint8Array;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skein-arrow-rows-'));
  duckDb = await DuckDb.open({
    threads: 1,
    memoryBytes: 256 * 1024 ** 2,
    tempDirectory: join(dir, 'tmp'),
    readRoots: [],
    writeRoots: [dir],
  });
  small = await fixture('small');
});
afterAll(async () => {
  duckDb.close();
  await rm(dir, { recursive: true, force: true });
});

/** What reading all of a stream comes to: rows, or the SQLSTATE of the refusal. */
function outcome(stream: Uint8Array): number | string {
  try {
    let count = 0;
    for (const [first] of ArrowRows.of(stream, limits).chunks()) count += first?.length ?? 0;
    return count;
  } catch (error) {
    if (error instanceof SkeinError) return error.sqlState;
    throw error;
  }
}

/** Numbers that look random, and are the same each time. */
function* numbers(seed: number): Generator<number> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

describe('ArrowRows', () => {
  test('reads every batch of a stream', () => {
    expect(outcome(small)).toBe(7);
  });

  test('refuses a stream that was cut anywhere, or has something behind its end', () => {
    for (let bytes = 0; bytes < small.byteLength; bytes += 7) {
      expect(outcome(small.subarray(0, bytes)), String(bytes)).toBe('22023');
    }
    expect(outcome(small.subarray(0, small.byteLength - 8))).toBe('22023');
    expect(outcome(Buffer.concat([small, small]))).toBe('22023');
    expect(outcome(Buffer.from('{"id":1}\n{"id":2}\n'))).toBe('22023');
  });

  test('takes a damaged stream for rows or refuses it, and nothing else', async () => {
    const random = numbers(7);
    const next = (): number => Number(random.next().value);
    for (let round = 0; round < 3_000; round += 1) {
      const bytes = small.slice();
      for (let flip = 0; flip < 1 + (round % 3); flip += 1) {
        bytes[Math.floor(next() * bytes.byteLength)] = Math.floor(next() * 256);
      }
      const found = outcome(bytes);
      expect(
        ['22023', '22003', '42701', '0A000', '54000'].includes(String(found)) || typeof found === 'number',
        String(found),
      ).toBe(true);
    }
  });

  test('makes no more values of few bytes than the limits allow', async () => {
    expect(outcome(await fixture('dictionary'))).toBe('54000');
    expect(outcome(await fixture('nulls'))).toBe('54000');
    expect(() => ArrowRows.of(small, { ...limits, rows: 6 })).toThrow(
      'an append has at most 6 rows, this one 7',
    );
  });

  test('writes what it read to Parquet', async () => {
    const rows = ArrowRows.of(small, limits);
    const path = join(dir, 'small.parquet');
    await writeArrowParquet(duckDb, [rows, ArrowRows.of(small, limits)], path, new AbortController().signal);
    await using connection = await duckDb.connect();
    expect(await connection.rows(`SELECT count(*), count(i8), max(u64) FROM '${path}'`)).toEqual([
      [14n, 6n, 2n ** 64n - 1n],
    ]);
  });
});
