import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { WarehouseCatalog } from '../../src/catalog/index.ts';
import { systemClock, systemRandom } from '../../src/common/index.ts';
import { DuckDb, inspectFiles } from '../../src/duckdb/index.ts';
import { ObjectStores } from '../../src/storage/index.ts';
import { formatType } from '../../src/types/index.ts';
import { bareDuckDb } from '../support/bare-duckdb.ts';
import { makeDataSet } from '../support/data-set.ts';

test('the catalog sees the tables, columns and row counts that bare DuckDB sees', async () => {
  const data = await makeDataSet();
  const bare = await bareDuckDb(data.tables);
  const temp = await mkdtemp(join(tmpdir(), 'skein-test-'));
  const duckdb = await DuckDb.open({
    threads: 1,
    memoryBytes: 256 << 20,
    tempDirectory: temp,
    readRoots: [data.directory],
    writeRoots: [],
  });
  try {
    const stores = new ObjectStores({ clock: systemClock, random: systemRandom });
    const catalog = new WarehouseCatalog({
      store: stores.open(data.directory),
      openStore: (location) => stores.open(location),
      openLog: ({ root }) => {
        throw new Error(`${root} is no Delta table`);
      },
      inspect: async (...args) => {
        await using connection = await duckdb.connect();
        return await inspectFiles(connection, ...args);
      },
      externalRoots: [],
      clock: systemClock,
      random: systemRandom,
    });
    const { tables, broken } = await catalog.snapshot(new AbortController().signal);
    expect([...broken.keys()]).toEqual([]);
    expect([...tables.keys()].sort()).toEqual(data.tables.map(({ name }) => `main.${name}`).sort());
    for (const { name } of data.tables) {
      const table = tables.get(`main.${name}`);
      const { columns } = await bare.query(`SELECT * FROM "${name}" LIMIT 0`);
      expect(table?.schema.map((column) => ({ name: column.name, type: formatType(column.type) }))).toEqual(
        columns,
      );
      if (table?.format.kind === 'parquet') {
        const { rows } = await bare.query(`SELECT count(*) FROM "${name}"`);
        expect([BigInt(table.rowCount)]).toEqual(rows[0]);
      }
    }
  } finally {
    duckdb.close();
    await bare.close();
    await data.remove();
    await rm(temp, { recursive: true });
  }
});
