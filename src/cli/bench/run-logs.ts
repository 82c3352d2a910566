import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Session } from '../../client/index.ts';
import { UsageError } from '../../config/index.ts';
import { DuckDb } from '../../duckdb/index.ts';
import { Skein } from '../../main/index.ts';
import type { CommandContext } from '../command.ts';
import { renderColumns } from '../render/columns.ts';
import { type LogTable, logTables, makeLogTable, readPartition, rowsPerFile } from './log-tables.ts';
import { median } from './measure.ts';

/** What is timed after one start, in this order: each step pays for what no step before it needed. */
const steps = [
  'first plan',
  'next plan',
  'first plan by statistics',
  'next plan by statistics',
  'query',
] as const;

/** Makes the tables where they are not there, and times planning over them; 1 where an answer is wrong. */
export async function runLogs(context: CommandContext): Promise<number> {
  const { config, out, err, interrupt } = context;
  const { benchDataOut: folder, benchRuns } = config.values;
  if (folder === undefined) throw new UsageError('no folder for the tables', 'name one: --out DIR');
  await makeTables(folder, interrupt.signal);
  const rows: string[][] = [];
  let isRight = true;
  for (const table of logTables) {
    const runs: number[][] = [];
    for (let run = 0; run < benchRuns; run++) {
      if (err.isTerminal) await err.write(`\r\x1b[2K${table.name} ${run + 1}/${benchRuns}`);
      const { times, count } = await timeSteps(folder, table, interrupt.signal);
      runs.push(times);
      isRight &&= count === (table.files / table.partitions) * rowsPerFile;
    }
    for (const [at, step] of steps.entries()) {
      const times = runs.map((run) => run[at] ?? Number.NaN);
      rows.push([table.name, step, ...[times[0] ?? Number.NaN, median(times)].map((ms) => ms.toFixed(0))]);
    }
  }
  if (err.isTerminal) await err.write('\r\x1b[2K');
  const right = { align: 'right' } as const;
  const headers = [
    { title: 'table' },
    { title: 'step' },
    { title: 'first ms', ...right },
    { title: 'ms', ...right },
  ];
  await out.write(`${renderColumns(headers, rows, out.style).join('\n')}\n`);
  await out.write(isRight ? 'answers: all right\n' : 'WRONG: a count is not what was written\n');
  return isRight ? 0 : 1;
}

async function makeTables(folder: string, signal: AbortSignal): Promise<void> {
  const missing = logTables.filter(({ name }) => !existsSync(join(folder, name)));
  if (missing.length === 0) return;
  await mkdir(folder, { recursive: true });
  const temp = join(folder, `.temp-${process.pid}`);
  const duckdb = await DuckDb.open({
    threads: availableParallelism(),
    memoryBytes: Math.floor(totalmem() / 2),
    tempDirectory: temp,
    readRoots: [],
    writeRoots: [folder],
  });
  try {
    await using connection = await duckdb.connect();
    for (const table of missing) await makeLogTable(connection, table, folder, signal);
  } finally {
    duckdb.close();
    await rm(temp, { recursive: true, force: true });
  }
}

async function timeSteps(
  folder: string,
  { name, files, partitions }: LogTable,
  signal: AbortSignal,
): Promise<{ readonly times: number[]; readonly count: number }> {
  await using session = await Skein.open({ data: folder });
  const ids = (file: number): string =>
    `EXPLAIN SELECT sum(price) FROM ${name} WHERE id = ${file * rowsPerFile}`;
  const parts = (part: number): string => `EXPLAIN SELECT sum(price) FROM ${name} WHERE part = 'p${part}'`;
  const query = `SELECT count(*) FROM ${name} WHERE part = '${readPartition}'`;
  const times: number[] = [];
  let count = 0;
  for (const sql of [parts(partitions - 1), parts(1), ids(files - 1), ids(1), query]) {
    const before = performance.now();
    const [row] = await readAll(session, sql, signal);
    times.push(performance.now() - before);
    count = Number(row?.[0]);
  }
  return { times, count };
}

async function readAll(
  session: Session,
  sql: string,
  signal: AbortSignal,
): Promise<readonly (readonly unknown[])[]> {
  return await session.query(sql, { signal }).rows({ as: 'arrays' });
}
