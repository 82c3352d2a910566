import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { formatCount } from '../../common/index.ts';
import { UsageError } from '../../config/index.ts';
import { DuckDb } from '../../duckdb/index.ts';
import type { CommandContext } from '../command.ts';
import { dataFolder } from '../folders.ts';
import { findTables } from './bare-duckdb.ts';
import { scaleTpch } from './scale-tpch.ts';
import { tpchTables } from './tpch-queries.ts';

/** Makes the copies and says how many rows each table has. */
export async function runTpchData({ config, out, interrupt }: CommandContext): Promise<number> {
  const { benchCopies, benchDataOut: target } = config.values;
  if (target === undefined) throw new UsageError('no folder for the larger data', 'name one: --out DIR');
  const folder = await dataFolder(config);
  const tables = findTables(folder, tpchTables);
  await mkdir(target, { recursive: true });
  const temp = join(target, `.temp-${process.pid}`);
  const duckdb = await DuckDb.open({
    threads: availableParallelism(),
    memoryBytes: Math.floor(totalmem() / 2),
    tempDirectory: temp,
    readRoots: [folder],
    writeRoots: [target],
  });
  try {
    await using connection = await duckdb.connect();
    await scaleTpch({
      connection,
      tables,
      copies: benchCopies,
      out: target,
      signal: interrupt.signal,
      onTable: (name, rows) => out.write(`${name.padEnd(10)} ${formatCount(rows).padStart(13)} rows\n`),
    });
  } finally {
    duckdb.close();
    await rm(temp, { recursive: true, force: true });
  }
  return 0;
}
