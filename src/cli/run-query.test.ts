import { describe, expect, it } from 'vitest';
import type { QueryResult, Session } from '../client/index.ts';
import { SkeinError } from '../common/index.ts';
import { loadConfig } from '../config/index.ts';
import type { QueryStats } from '../coordinator/index.ts';
import { type RecordBatch, type Schema, scalar } from '../types/index.ts';
import { noColors } from './render/style.ts';
import { runQuery } from './run-query.ts';
import type { Output } from './terminal.ts';

const columns: Schema = [{ name: 'n', type: scalar('INTEGER') }];

const stats: QueryStats = {
  state: 'finished',
  queuedMs: 0,
  planningMs: 1,
  elapsedMs: 45,
  rows: 3,
  scannedRows: 1000,
  scannedBytes: 2000,
  exchangedRows: 30,
  exchangedBytes: 300,
  stages: 3,
  tasks: 9,
  retries: 1,
  workers: 3,
  bypassed: false,
};

/** A session whose only query gives these batches, `log` telling when each was asked for. */
function fakeSession(batches: () => AsyncGenerator<RecordBatch>): Session {
  const refuse = (): never => {
    throw new Error('not asked for');
  };
  const result: QueryResult = {
    id: () => Promise.resolve('q_1'),
    columns: () => Promise.resolve(columns),
    rows: refuse,
    stats: () => stats,
    cancel: refuse,
    [Symbol.asyncIterator]: batches,
  };
  return {
    query: () => result,
    explain: refuse,
    load: refuse,
    append: refuse,
    queries: refuse,
    get: () => Promise.resolve(undefined),
    tree: refuse,
    cancel: refuse,
    cluster: refuse,
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function fakeOutput(log: string[], name: string): Output {
  return {
    async write(text) {
      await Promise.resolve();
      if (text !== '') log.push(`${name}: ${text.trim()}`);
    },
    isTerminal: false,
    width: () => undefined,
    style: noColors,
  };
}

function batch(...values: number[]): RecordBatch {
  return { schema: columns, rowCount: values.length, columns: [values] };
}

function run(
  session: Session,
  log: string[],
  flags: Record<string, string | boolean> = {},
  sql = 'SELECT',
): Promise<void> {
  const config = loadConfig({ flags: { home: '/nowhere', ...flags }, env: {}, folder: '/' });
  return runQuery(session, sql, {}, { config, out: fakeOutput(log, 'out'), err: fakeOutput(log, 'err') });
}

describe('runQuery', () => {
  it('asks for a batch only when the one before has been written', async () => {
    const log: string[] = [];
    const session = fakeSession(async function* () {
      for (const value of [1, 2]) {
        log.push(`asked ${value}`);
        yield batch(value);
      }
    });
    await run(session, log, { format: 'jsonl' });
    expect(log).toEqual(['asked 1', 'out: {"n":1}', 'asked 2', 'out: {"n":2}']);
  });

  it('sums up on standard error', async () => {
    const log: string[] = [];
    await run(
      fakeSession(async function* () {}),
      log,
      { format: 'csv', stats: true },
    );
    expect(log).toEqual([
      'out: n',
      'err: 3 rows in 45 ms · scanned 1,000 rows, 2.0 KB · 3 stages, 9 tasks on 3 workers · exchanged 30 rows, 300 B · 1 retry',
    ]);
  });

  it('prints the plan of an EXPLAIN as it is', async () => {
    const log: string[] = [];
    const session = fakeSession(async function* () {
      yield batch(1, 2);
    });
    await run(session, log, {}, ' explain SELECT');
    expect(log).toEqual(['out: 1\n2']);
  });

  it('shows no summary and no end of the result when the query fails', async () => {
    const log: string[] = [];
    const session = fakeSession(async function* () {
      yield batch(1);
      throw new SkeinError('22012', 'division by zero');
    });
    await expect(run(session, log, { format: 'json', stats: true })).rejects.toMatchObject({
      sqlState: '22012',
    });
    expect(log).toEqual(['out: [', 'out: {"n":1}']);
  });
});
