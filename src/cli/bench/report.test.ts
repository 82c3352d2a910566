import { describe, expect, it } from 'vitest';
import { noColors } from '../render/style.ts';
import { type BenchReport, renderReport, renderReportPlot } from './report.ts';

const report: BenchReport = {
  benchmark: 'tpch',
  startedAt: '2026-01-01T00:00:00.000Z',
  versions: { skein: '0.1.0', duckdb: 'v1.5.6', node: 'v20' },
  machine: { cpu: 'Fast & <new>', cores: 2, memoryBytes: 1e9, system: 'linux' },
  data: { folder: '/data', lineitemRows: 6_001_215 },
  runs: 3,
  settings: {},
  engines: [
    { name: 'duckdb', kind: 'duckdb', workers: 0, threadsPerWorker: 2, totalMs: 1050, ratio: 1 },
    { name: '1 worker', kind: 'embedded', workers: 1, threadsPerWorker: 2, totalMs: 1120, ratio: 1.067 },
    { name: '2 workers', kind: 'embedded', workers: 2, threadsPerWorker: 1, totalMs: 1575, ratio: 1.5 },
  ],
  measurements: [
    { query: 'q01', engine: 'duckdb', runsMs: [1000], medianMs: 1000, difference: undefined },
    { query: 'q01', engine: '1 worker', runsMs: [1060], medianMs: 1060, difference: undefined },
    { query: 'q01', engine: '2 workers', runsMs: [1500], medianMs: 1500, difference: undefined },
    { query: 'q06', engine: 'duckdb', runsMs: [50], medianMs: 50, difference: undefined },
    { query: 'q06', engine: '1 worker', runsMs: [60], medianMs: 60, difference: undefined },
    { query: 'q06', engine: '2 workers', runsMs: [75], medianMs: 75, difference: undefined },
  ],
};

describe('renderReport', () => {
  it('shows medians, ratios and totals', () => {
    expect(renderReport(report, noColors)).toBe(
      [
        'query  duckdb ms  1 worker ms  2 workers ms',
        'q01         1000   1060 1.06×    1500 1.50×',
        'q06         50.0   60.0 1.20×    75.0 1.50×',
        'total       1050   1120 1.07×    1575 1.50×',
        "answers: all equal to bare DuckDB's in 4 runs",
        '',
      ].join('\n'),
    );
  });

  it('says which answer is wrong', () => {
    const measurements = report.measurements.map((one, index) =>
      index === 4 ? { ...one, difference: '[2] instead of [1]' } : one,
    );
    expect(renderReport({ ...report, measurements }, noColors)).toContain(
      '\nWRONG: q06 on 1 worker: [2] instead of [1]\n',
    );
  });
});

describe('renderReportPlot', () => {
  it('draws one point a number of workers, and DuckDB as a level', () => {
    const svg = renderReportPlot(report);
    expect(svg.match(/<circle /g)).toHaveLength(2);
    expect(svg).toContain('stroke-dasharray');
    expect(svg).toContain('1.12 s');
    expect(svg).toContain('Fast &amp; &lt;new>');
    expect(svg).not.toContain('NaN');
  });
});
