import { create } from '@bufbuild/protobuf';
import { type Clock, SkeinError, SqlState } from '../common/index.ts';
import { type RunTaskRequest, RunTaskRequestSchema, type RunTaskResponse } from '../rpc/index.ts';
import { formatType, type RecordBatch, type Schema } from '../types/index.ts';
import { byPosition } from './execution/task-request.ts';
import type { FragmentRunner } from './ports.ts';
import type { ResultPage } from './query-service.ts';

export interface KeptResultLimits {
  /** All kept results together; the oldest go first. */
  readonly resultBytes: number;
  /** How long a result is kept after it was finished or last read. */
  readonly resultMs: number;
  readonly pageRows: number;
}

/** A finished result in the coordinator's spool, or in memory where it never was more than a few rows. */
export type KeptRows =
  | {
      readonly kind: 'spooled';
      readonly response: RunTaskResponse;
      readonly request: RunTaskRequest;
    }
  | { readonly kind: 'memory'; readonly batches: readonly RecordBatch[] };

interface Kept {
  readonly columns: Schema;
  readonly rows: KeptRows;
  readonly rowCount: number;
  readonly bytes: number;
  touchedAt: number;
  reads: number;
}

/** Results that wait to be read page by page: bounded in bytes and in time. */
export class KeptResults {
  readonly #limits: KeptResultLimits;
  readonly #runtime: FragmentRunner;
  readonly #clock: Clock;
  /** By query, the longest unread first. */
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;
  #cancelTimer: () => void = () => {};

  constructor(limits: KeptResultLimits, runtime: FragmentRunner, clock: Clock) {
    this.#limits = limits;
    this.#runtime = runtime;
    this.#clock = clock;
  }

  /** @throws SkeinError 53100 when the result alone is larger than all that may be kept */
  keep(queryId: string, columns: Schema, rows: KeptRows): void {
    const { rowCount, bytes } = sizeOf(rows);
    if (bytes > this.#limits.resultBytes) {
      throw new SkeinError(SqlState.diskFull, `the result is larger (${bytes} bytes) than what can be kept`, {
        hint: 'run the query without keeping its result, and read it as it comes',
      });
    }
    const touchedAt = this.#clock.monotonic();
    this.#kept.set(queryId, { columns, rows, rowCount, bytes, touchedAt, reads: 0 });
    this.#bytes += bytes;
    for (const oldest of [...this.#kept.keys()]) {
      if (this.#bytes <= this.#limits.resultBytes) break;
      if (oldest !== queryId) void this.drop(oldest);
    }
    this.#watch();
  }

  has(queryId: string): boolean {
    return this.#kept.has(queryId);
  }

  /** Rows from `offset`, at most `limit` and at most a page. @throws SkeinError 55000 when the result is gone */
  async page(queryId: string, offset: number, limit: number, signal: AbortSignal): Promise<ResultPage> {
    const kept = this.#kept.get(queryId);
    if (kept === undefined) {
      throw new SkeinError(SqlState.notInThisState, `the result of query ${queryId} is not kept any more`);
    }
    this.#kept.delete(queryId);
    this.#kept.set(queryId, kept);
    kept.touchedAt = this.#clock.monotonic();
    const rows = Math.max(0, Math.min(limit, this.#limits.pageRows, kept.rowCount - offset));
    const batches = rows === 0 ? [] : await this.#read(kept, offset, rows, signal);
    const end = offset + rows;
    return { columns: kept.columns, batches, offset, nextOffset: end < kept.rowCount ? end : undefined };
  }

  async drop(queryId: string): Promise<void> {
    const kept = this.#kept.get(queryId);
    if (kept === undefined) return;
    this.#kept.delete(queryId);
    this.#bytes -= kept.bytes;
    if (kept.rows.kind === 'spooled') {
      await this.#runtime.dropQuery(kept.rows.request.attempt?.queryId ?? queryId);
    }
  }

  async close(): Promise<void> {
    this.#cancelTimer();
    await Promise.all([...this.#kept.keys()].map((id) => this.drop(id)));
  }

  async #read(
    kept: Kept,
    offset: number,
    rows: number,
    signal: AbortSignal,
  ): Promise<readonly RecordBatch[]> {
    if (kept.rows.kind === 'memory') return slice(kept.rows.batches, offset, rows, kept.columns);
    kept.reads += 1;
    const request = pageRequest(kept.rows, kept.columns, kept.reads, offset, rows);
    const stream = await this.#runtime.stream(request, signal);
    const batches: RecordBatch[] = [];
    for await (const batch of stream.batches) batches.push({ ...batch, schema: kept.columns });
    const got = batches.reduce((sum, batch) => sum + batch.rowCount, 0);
    if (got !== rows) {
      throw new SkeinError(SqlState.dataCorrupted, `${got} of ${rows} rows of a kept result could be read`);
    }
    return batches;
  }

  #watch(): void {
    this.#cancelTimer();
    const [oldest] = this.#kept.values();
    if (oldest === undefined) return;
    const wait = oldest.touchedAt + this.#limits.resultMs - this.#clock.monotonic();
    this.#cancelTimer = this.#clock.after(Math.max(1_000, wait), () => {
      const now = this.#clock.monotonic();
      for (const [id, { touchedAt }] of [...this.#kept]) {
        if (now - touchedAt >= this.#limits.resultMs) void this.drop(id);
      }
      this.#watch();
    });
  }
}

function sizeOf(rows: KeptRows): { rowCount: number; bytes: number } {
  if (rows.kind === 'memory') {
    return { rowCount: rows.batches.reduce((sum, batch) => sum + batch.rowCount, 0), bytes: 0 };
  }
  const files = rows.response.partitions.flatMap((ref) => ref.files);
  return {
    rowCount: rows.response.partitions.reduce((sum, ref) => sum + Number(ref.rows), 0),
    bytes: files.reduce((sum, file) => sum + Number(file.bytes), 0),
  };
}

/** Reads a run of rows back from the files that the root wrote, in their order. */
function pageRequest(
  { response, request }: Extract<KeptRows, { kind: 'spooled' }>,
  columns: Schema,
  read: number,
  offset: number,
  rows: number,
): RunTaskRequest {
  const named = byPosition(columns).map(({ name, type }) => ({ name, type: formatType(type) }));
  const names = named.map(({ name }) => name).join(', ');
  return create(RunTaskRequestSchema, {
    attempt: { queryId: request.attempt?.queryId ?? '', stageId: 1_000_000, task: 0, attempt: read },
    sql: `SELECT ${names} FROM result LIMIT ${rows} OFFSET ${offset}`,
    inputs: [
      {
        name: 'result',
        columns: named,
        source: {
          case: 'exchange',
          value: { partitions: response.partitions, wireColumns: request.wireColumns },
        },
      },
    ],
    columns: named,
    wireColumns: request.wireColumns,
    settings: request.settings,
    ordered: true,
  });
}

function slice(
  batches: readonly RecordBatch[],
  offset: number,
  rows: number,
  schema: Schema,
): readonly RecordBatch[] {
  const page: RecordBatch[] = [];
  let first = 0;
  for (const batch of batches) {
    const from = Math.max(0, offset - first);
    const to = Math.min(batch.rowCount, offset + rows - first);
    first += batch.rowCount;
    if (from >= to) continue;
    page.push({
      schema,
      rowCount: to - from,
      columns: batch.columns.map((values) => values.slice(from, to)),
    });
  }
  return page;
}
