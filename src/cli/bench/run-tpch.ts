import { mkdir, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../config/index.ts';
import { DuckDb } from '../../duckdb/index.ts';
import type { CommandContext } from '../command.ts';
import { dataFolder, spoolFolder } from '../folders.ts';
import { packageVersion } from '../package-version.ts';
import { findTables, openBareDuckDb } from './bare-duckdb.ts';
import { type BenchEngine, type BenchQuery, type Measurement, measure } from './measure.ts';
import { type BenchReport, renderReport, renderReportPlot, totalMs } from './report.ts';
import { openEmbedded, openProcesses } from './skein-engines.ts';
import { tpchQuery, tpchQueryCount, tpchTables } from './tpch-queries.ts';

/** The benchmark, start to end; 1 where an answer is wrong. */
export async function runTpch(context: CommandContext): Promise<number> {
  const { config } = context;
  const { benchQueries } = config.values;
  const numbers = benchQueries ?? Array.from({ length: tpchQueryCount }, (_, index) => index + 1);
  const queries = numbers.map((number) => ({
    name: `q${String(number).padStart(2, '0')}`,
    sql: tpchQuery(number),
  }));
  const folder = await dataFolder(config);
  const tables = findTables(folder, tpchTables);

  const engines: BenchEngine[] = [];
  try {
    for (const open of engineOpeners(context, folder, tables)) engines.push(await open());
    const report = await runBench(context, engines, queries, folder);
    await writeReport(context, report);
    return report.measurements.some(({ difference }) => difference !== undefined) ? 1 : 0;
  } finally {
    for (const engine of engines.reverse()) await engine.close();
    await rm(scratchFolder(config), { recursive: true, force: true });
  }
}

async function runBench(
  context: CommandContext,
  engines: readonly BenchEngine[],
  queries: readonly BenchQuery[],
  folder: string,
): Promise<BenchReport> {
  const { config, err, interrupt } = context;
  const { benchRuns } = config.values;
  const startedAt = new Date().toISOString();
  const total = queries.length * engines.length * (benchRuns + 1);
  let done = 0;
  const measurements = await measure({
    engines,
    queries,
    runs: benchRuns,
    signal: interrupt.signal,
    now: () => performance.now(),
    onProgress(query, engine) {
      const percent = Math.floor((100 * done++) / total);
      if (err.isTerminal) void err.write(`\r\x1b[2K${percent}% · ${query.name} on ${engine.name}`);
    },
  });
  if (err.isTerminal) await err.write('\r\x1b[2K');
  return buildReport(context, engines, measurements, startedAt, folder, await lineitemRows(engines));
}

async function writeReport({ config, out }: CommandContext, report: BenchReport): Promise<void> {
  const { benchOut } = config.values;
  await out.write(renderReport(report, out.style));
  await mkdir(benchOut, { recursive: true });
  await writeFile(join(benchOut, 'tpch.json'), `${JSON.stringify(report, undefined, 2)}\n`);
  await writeFile(join(benchOut, 'tpch.svg'), renderReportPlot(report));
  await out.write(`wrote ${join(benchOut, 'tpch.json')} and ${join(benchOut, 'tpch.svg')}\n`);
}

/** Only one engine works at a time, so each may take most of the memory. */
const memoryPart = 0.6;

function engineOpeners(
  { config, interrupt }: CommandContext,
  folder: string,
  tables: ReadonlyMap<string, string>,
): readonly (() => Promise<BenchEngine>)[] {
  const { benchWorkers, benchProcesses, set } = config.values;
  const memoryBytes = Math.floor(totalmem() * memoryPart);
  const spool = spoolFolder(config);
  const shapes = [...new Set(benchWorkers)].sort((a, b) => a - b);
  const common = (workers: number) => ({
    folder,
    workers,
    threads: threadsPerWorker(workers),
    memoryBytes: Math.floor(memoryBytes / workers),
    spool,
    settings: set,
  });
  return [
    () =>
      openBareDuckDb({
        folder,
        tables,
        threads: availableParallelism(),
        memoryBytes,
        tempDirectory: scratchFolder(config),
      }),
    ...shapes.map((workers) => () => openEmbedded(common(workers))),
    ...(benchProcesses
      ? shapes.map(
          (workers) => () =>
            openProcesses({ ...common(workers), home: config.home, signal: interrupt.signal }),
        )
      : []),
  ];
}

/** Where bare DuckDB spills. */
function scratchFolder(config: Config): string {
  return join(spoolFolder(config), `bench-${process.pid}`);
}

function threadsPerWorker(workers: number): number {
  return Math.max(1, Math.floor(availableParallelism() / workers));
}

async function lineitemRows(engines: readonly BenchEngine[]): Promise<number> {
  const [row] = (await engines[0]?.run('SELECT count(*) FROM lineitem', new AbortController().signal)) ?? [];
  return Number(row?.[0] ?? 0);
}

function buildReport(
  { config }: CommandContext,
  engines: readonly BenchEngine[],
  measurements: readonly Measurement[],
  startedAt: string,
  folder: string,
  rows: number,
): BenchReport {
  const baseMs = totalMs(measurements, engines[0]?.name ?? '');
  return {
    benchmark: 'tpch',
    startedAt,
    versions: { skein: packageVersion(), duckdb: DuckDb.version(), node: process.version },
    machine: {
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      memoryBytes: totalmem(),
      system: `${type()} ${release()}`,
    },
    data: { folder, lineitemRows: rows },
    runs: config.values.benchRuns,
    settings: config.values.set,
    engines: engines.map(({ name, kind, workers }) => {
      const total = totalMs(measurements, name);
      return {
        name,
        kind,
        workers,
        threadsPerWorker: kind === 'duckdb' ? availableParallelism() : threadsPerWorker(workers),
        totalMs: total,
        ratio: total / baseMs,
      };
    }),
    measurements,
  };
}
