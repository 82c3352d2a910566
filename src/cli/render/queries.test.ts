import { describe, expect, it } from 'vitest';
import { queryId } from '../../common/index.ts';
import type { QueryInfo } from '../../coordinator/index.ts';
import { renderQueries } from './queries.ts';
import { noColors } from './style.ts';

const query: QueryInfo = {
  id: queryId('q_1'),
  sql: 'SELECT *\n  FROM   events -- \x1b[31m',
  state: 'running',
  submittedAt: new Date(2026, 0, 2, 3, 4, 5).getTime(),
  finishedAt: undefined,
  columns: undefined,
  progress: { tasksTotal: 4, tasksFinished: 1, tasksRunning: 3, fraction: 0.25 },
  stats: {
    state: 'running',
    queuedMs: 0,
    planningMs: 1,
    elapsedMs: 1500,
    rows: 7,
    scannedRows: 0,
    scannedBytes: 0,
    exchangedRows: 0,
    exchangedBytes: 0,
    stages: 1,
    tasks: 1,
    retries: 0,
    workers: 1,
    bypassed: false,
  },
  error: undefined,
};

describe('renderQueries', () => {
  it('shows a query a line, its SQL on that line and harmless', () => {
    expect(renderQueries([query], undefined, noColors).split('\n')).toEqual([
      'ID   STATE    STARTED     TIME  DONE  ROWS  SQL',
      String.raw`q_1  running  03:04:05  1.50 s   25%     7  SELECT * FROM events -- \x1b[31m`,
      '',
    ]);
  });

  it('cuts the SQL to the terminal', () => {
    const [, line = ''] = renderQueries([{ ...query, sql: 'x'.repeat(500) }], 120, noColors).split('\n');
    expect(line.length).toBeLessThanOrEqual(120);
    expect(line).toMatch(/x…$/);
  });

  it('says that there are none', () =>
    expect(renderQueries([], undefined, noColors)).toBe('No queries yet.\n'));
});
