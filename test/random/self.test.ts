import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bareDuckDb } from '../support/bare-duckdb.ts';
import { type DataSet, makeParquetTables } from '../support/data-set.ts';
import type { Runner } from '../support/runner.ts';
import { renderQuery } from './ast.ts';
import { checkSeed } from './check.ts';
import { generateQuery } from './generate.ts';
import { randomTables } from './tables.ts';

let data: DataSet;
let oracle: Runner;

beforeAll(async () => {
  data = await makeParquetTables(randomTables);
  oracle = await bareDuckDb(data.tables);
});

afterAll(async () => {
  await oracle.close();
  await data.remove();
});

/** Runs what `change` makes of each query: an engine with a planted bug. */
function wrong(change: (sql: string) => string): Runner {
  return {
    name: 'a wrong engine',
    query: (sql) => oracle.query(change(sql)),
    close: () => Promise.resolve(),
  };
}

/** The report about the first query that the runner gets wrong. */
async function firstReport(runner: Runner): Promise<string> {
  for (let seed = 0; seed < 300; seed += 1) {
    try {
      await checkSeed(seed, oracle, [runner]);
    } catch (error) {
      return String(error);
    }
  }
  return '';
}

describe('the random test', () => {
  test('the same seed gives the same query, another seed another', () => {
    expect(renderQuery(generateQuery(7))).toBe(renderQuery(generateQuery(7)));
    expect(renderQuery(generateQuery(7))).not.toBe(renderQuery(generateQuery(8)));
  });

  test('queries have one answer, whatever the order of rows', async () => {
    const shuffled = await bareDuckDb(data.tables, { threads: 4, shuffled: true });
    const outcomes = [];
    for (let seed = 0; seed < 150; seed += 1) outcomes.push(await checkSeed(seed, oracle, [shuffled]));
    await shuffled.close();
    // What bare DuckDB does not bind tests nothing.
    expect(outcomes.filter(({ kind }) => kind === 'same').length).toBeGreaterThan(140);
  });

  test.each([
    ['outer joins lose rows', (sql: string) => sql.replaceAll('LEFT JOIN', 'JOIN'), 'LEFT JOIN'],
    [
      'NULLs never meet',
      (sql: string) => sql.replaceAll('IS NOT DISTINCT FROM', '='),
      'IS NOT DISTINCT FROM',
    ],
    [
      'NOT IN forgets NULLs',
      (sql: string) => sql.replaceAll('NOT IN (SELECT', 'IN (SELECT'),
      'NOT IN (SELECT',
    ],
    ['distinct aggregates are not', (sql: string) => sql.replaceAll('sum(DISTINCT ', 'sum('), 'sum(DISTINCT'],
    [
      'INTERSECT ALL drops duplicates',
      (sql: string) => sql.replaceAll('INTERSECT ALL', 'INTERSECT'),
      'INTERSECT ALL',
    ],
  ])('catches an engine where %s and shrinks the query', async (_, change, symptom) => {
    const report = await firstReport(wrong(change));
    expect(report).toMatch(/seed \d+/);
    const shrunken = /^shrunken: (.*)$/m.exec(report)?.[1] ?? '';
    expect(shrunken).toContain(symptom);
    const query = /^query: (.*)$/m.exec(report)?.[1] ?? '';
    expect(shrunken.length).toBeLessThanOrEqual(query.length);
    expect(shrunken.length).toBeLessThan(250);
  });
});
