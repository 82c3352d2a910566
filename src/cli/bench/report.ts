import { type ColumnHeader, renderColumns } from '../render/columns.ts';
import type { Style } from '../render/style.ts';
import type { Measurement } from './measure.ts';
import type { PlotSeries } from './plot.ts';
import { renderPlot } from './plot.ts';

/** A run of the benchmark, as written to JSON. */
export interface BenchReport {
  readonly benchmark: 'tpch';
  /** When it started, ISO 8601. */
  readonly startedAt: string;
  readonly versions: { readonly skein: string; readonly duckdb: string; readonly node: string };
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryBytes: number;
    readonly system: string;
  };
  readonly data: { readonly folder: string; readonly lineitemRows: number };
  readonly runs: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly engines: readonly ReportEngine[];
  readonly measurements: readonly Measurement[];
}

interface ReportEngine {
  readonly name: string;
  readonly kind: 'duckdb' | 'embedded' | 'processes';
  readonly workers: number;
  readonly threadsPerWorker: number;
  /** Sum of the medians over all queries. */
  readonly totalMs: number;
  /** To the first engine's total. */
  readonly ratio: number;
}

export function totalMs(measurements: readonly Measurement[], engine: string): number {
  return measurements
    .filter((measurement) => measurement.engine === engine)
    .reduce((sum, { medianMs }) => sum + medianMs, 0);
}

/** Medians in ms and their ratios to the first engine's, a line a query, and totals. */
export function renderReport(report: BenchReport, style: Style): string {
  const [first, ...others] = report.engines;
  const headers: ColumnHeader[] = [{ title: 'query' }, { title: `${first?.name} ms`, align: 'right' }];
  for (const { name } of others) headers.push({ title: `${name} ms`, align: 'right' });
  const row = (title: string, ms: (engine: string) => number): readonly string[] => {
    const base = ms(first?.name ?? '');
    return [
      title,
      msText(base),
      ...others.map(({ name }) => `${msText(ms(name))} ${ratioText(ms(name) / base, style)}`),
    ];
  };
  const queries = [...new Set(report.measurements.map(({ query }) => query))];
  const rows = queries.map((query) =>
    row(
      query,
      (engine) =>
        report.measurements.find((one) => one.query === query && one.engine === engine)?.medianMs ??
        Number.NaN,
    ),
  );
  rows.push(
    row('total', (engine) => report.engines.find(({ name }) => name === engine)?.totalMs ?? Number.NaN).map(
      style.bold,
    ),
  );

  const wrong = report.measurements.filter(({ difference }) => difference !== undefined);
  const verdict =
    wrong.length === 0
      ? style.green(`answers: all equal to bare DuckDB's in ${report.runs + 1} runs`)
      : wrong
          .map(({ query, engine, difference }) => style.red(`WRONG: ${query} on ${engine}: ${difference}`))
          .join('\n');
  return `${renderColumns(headers, rows, style).join('\n')}\n${verdict}\n`;
}

function msText(ms: number): string {
  return ms < 100 ? ms.toFixed(1) : Math.round(ms).toString();
}

function ratioText(ratio: number, style: Style): string {
  const text = `${ratio.toFixed(2)}×`;
  return ratio <= 1.1 ? style.green(text) : text;
}

/** Total time against workers, an SVG. */
export function renderReportPlot(report: BenchReport): string {
  const seriesOf = (kind: ReportEngine['kind'], name: string, color: string): PlotSeries[] => {
    const points = report.engines
      .filter((engine) => engine.kind === kind)
      .map(({ workers, totalMs: ms }) => ({ workers, seconds: ms / 1000 }))
      .sort((a, b) => a.workers - b.workers);
    return points.length === 0 ? [] : [{ name, color, points }];
  };
  const queries = new Set(report.measurements.map(({ query }) => query)).size;
  const { cpu, cores } = report.machine;
  return renderPlot({
    title: `TPC-H, ${queries} ${queries === 1 ? 'query' : 'queries'}: total time against workers`,
    subtitle: `${report.data.lineitemRows.toLocaleString('en-US')} rows in lineitem; sums of medians of ${report.runs}; ${cores} cores shared, ${cpu}`,
    series: [
      ...seriesOf('embedded', 'Skein, embedded', '#1668b8'),
      ...seriesOf('processes', 'Skein, worker processes', '#c2571a'),
    ],
    baseline: {
      name: 'bare DuckDB, all cores',
      seconds: (report.engines.find(({ kind }) => kind === 'duckdb')?.totalMs ?? 0) / 1000,
    },
  });
}
