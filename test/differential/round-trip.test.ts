import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DataSet, makeDataSet } from '../support/data-set.ts';
import { RoundTrip } from '../support/round-trip.ts';
import { readSltFolder } from '../support/slt.ts';

const statements = await readSltFolder(new URL('../sql', import.meta.url).pathname);
const files = new Set(statements.map(({ file }) => file));
let data: DataSet;
let roundTrip: RoundTrip;

beforeAll(async () => {
  data = await makeDataSet();
  roundTrip = await RoundTrip.open(data.tables);
});

afterAll(async () => {
  await roundTrip.close();
  await data.remove();
});

/** Statements that one DuckDB must run as their text, because no plan of ours says what they do. */
const mostUnplanned = 25;

describe('a plan printed back as SQL gives the rows and types of the query that it came from', () => {
  let unplanned = 0;
  test.each([...files])('%s', async (file) => {
    for (const { file: of, line, sql, settings, expect: wanted } of statements) {
      if (of !== file || wanted.kind !== 'rows') continue;
      const outcome = await roundTrip.check(sql, wanted.order, settings);
      if (outcome.kind === 'unplanned') unplanned++;
      else expect(outcome.problem, `${file}:${line}\n${outcome.printed}`).toBeUndefined();
    }
  });

  test('and nearly every query has such a plan', () => {
    expect(unplanned).toBeLessThanOrEqual(mostUnplanned);
  });
});
