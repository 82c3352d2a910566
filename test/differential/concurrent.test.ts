import { expect, test } from 'vitest';
import { bareDuckDb } from '../support/bare-duckdb.ts';
import { difference } from '../support/compare.ts';
import { makeDataSet } from '../support/data-set.ts';
import { embeddedSkein } from '../support/skein-runner.ts';
import { readSltFolder } from '../support/slt.ts';

/** Every statement that SETs something, and one of ten of the others. */
const statements = (await readSltFolder(new URL('../sql', import.meta.url).pathname)).filter(
  ({ settings }, index) => Object.keys(settings).length > 0 || index % 10 === 0,
);

test('queries that run at once, each with its own settings, get each its own answer', async () => {
  const data = await makeDataSet();
  const oracle = await bareDuckDb(data.tables);
  const skein = await embeddedSkein(data.directory, { workers: 3 });
  const problems: string[] = [];
  const check = async ({
    file,
    line,
    sql,
    settings,
    expect: wanted,
  }: (typeof statements)[number]): Promise<void> => {
    if (wanted.kind !== 'rows') {
      await expect(skein.query(sql, { settings })).rejects.toMatchObject({ sqlState: wanted.sqlState });
      return;
    }
    // One after another: some of DuckDB's settings are the whole instance's.
    const expected = await oracleQueue(() => oracle.query(sql, { settings }));
    const problem = difference(expected, await skein.query(sql, { settings }), wanted.order);
    if (problem !== undefined) problems.push(`${file}:${line} ${problem}`);
  };
  let last: Promise<unknown> = Promise.resolve();
  const oracleQueue = <T>(run: () => Promise<T>): Promise<T> => {
    const next = last.then(run);
    last = next.catch(() => undefined);
    return next;
  };
  try {
    await Promise.all(statements.map(check));
    expect(problems).toEqual([]);
  } finally {
    await skein.close();
    await oracle.close();
    await data.remove();
  }
}, 240_000);
