import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bareDuckDb } from '../support/bare-duckdb.ts';
import { difference } from '../support/compare.ts';
import { type DataSet, makeDataSet } from '../support/data-set.ts';
import type { Runner } from '../support/runner.ts';
import { embeddedSkein, type SkeinRunner } from '../support/skein-runner.ts';
import { readSltFolder, type Statement } from '../support/slt.ts';

const statements = await readSltFolder(new URL('../sql', import.meta.url).pathname);

let data: DataSet;
let oracle: Runner;
let oneWorker: SkeinRunner;
let fourWorkers: SkeinRunner;
let partitioning: SkeinRunner;

beforeAll(async () => {
  data = await makeDataSet();
  oracle = await bareDuckDb(data.tables);
  oneWorker = await embeddedSkein(data.directory, { workers: 1 });
  fourWorkers = await embeddedSkein(data.directory, { workers: 4 });
  partitioning = await embeddedSkein(data.directory, { workers: 4, joins: 'partitioned' });
});

afterAll(async () => {
  for (const runner of [oracle, oneWorker, fourWorkers, partitioning]) await runner.close();
  await data.remove();
});

/** The SQLSTATE of the error a runner gives; undefined where it gives rows. */
async function sqlStateOf(runner: Runner, statement: Statement): Promise<unknown> {
  try {
    await runner.query(statement.sql, { settings: statement.settings });
    return undefined;
  } catch (error) {
    if (error instanceof Error && 'sqlState' in error) return error.sqlState;
    throw error;
  }
}

describe('a statement gives the rows of bare DuckDB on one worker and on four', () => {
  test.each(statements)('$file:$line', async (statement) => {
    const { sql, settings, expect: wanted } = statement;
    if (wanted.kind !== 'rows') {
      expect(await sqlStateOf(oneWorker, statement)).toBe(wanted.sqlState);
      expect(await sqlStateOf(fourWorkers, statement)).toBe(wanted.sqlState);
      return;
    }
    const expected = await oracle.query(sql, { settings });
    for (const runner of [oneWorker, fourWorkers, partitioning]) {
      const actual = await runner.query(sql, { settings });
      expect(difference(expected, actual, wanted.order), runner.name).toBeUndefined();
    }
    if (!statement.distributed) return;
    expect(fourWorkers.gathered()).toEqual([]);
    expect(partitioning.gathered()).toEqual([]);
  });
});
