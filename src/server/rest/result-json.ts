import { SkeinError, SqlState, toSkeinError } from '../../common/index.ts';
import type { QueryHandle, QueryStats } from '../../coordinator/index.ts';
import { type JsonEncoder, jsonEncoder, type RecordBatch, type Schema } from '../../types/index.ts';
import { columnsJson, errorJson } from './views.ts';

/** Characters of encoded rows after which they are sent: bounds what one step holds and how long it takes. */
const chunkLength = 64 * 1024;

/**
 * Encodes rows as JSON arrays, `[1,"a"],[2,"b"]`, in chunks of about 64 KiB without the outer brackets.
 * The encoders are chosen once, by the columns' types.
 */
export class RowEncoder {
  readonly #encoders: readonly JsonEncoder[];

  constructor(schema: Schema) {
    this.#encoders = schema.map((column) => jsonEncoder(column.type));
  }

  /** @throws SkeinError 54000 for a row beyond the longest string that JavaScript has */
  *chunks(batch: RecordBatch): Generator<string> {
    const cells = batch.columns.map((values, index) => ({ values, encode: this.#encoders[index] ?? String }));
    const [first, ...rest] = cells;
    let text = '';
    try {
      for (let row = 0; row < batch.rowCount; row++) {
        text += text === '' ? '[' : ',[';
        if (first !== undefined) text += first.encode(first.values[row] ?? null);
        for (const { values, encode } of rest) text += `,${encode(values[row] ?? null)}`;
        text += ']';
        if (text.length >= chunkLength) {
          yield text;
          text = '';
        }
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new SkeinError(SqlState.limitExceeded, 'a row of the result is too long to be sent as JSON');
    }
    if (text !== '') yield text;
  }
}

/** A result whose first batch has been pulled, so that an early error can still choose the HTTP status. */
export interface StartedResult {
  readonly handle: QueryHandle;
  readonly batches: AsyncIterable<RecordBatch>;
}

/** Pulls the first batch. Throws what the query throws. */
export async function startResult(handle: QueryHandle): Promise<StartedResult> {
  const iterator = handle.batches[Symbol.asyncIterator]();
  const first = await iterator.next();
  async function* batches(): AsyncGenerator<RecordBatch> {
    try {
      if (first.done) return;
      yield first.value;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { handle, batches: batches() };
}

/** The whole answer as one JSON object, piece by piece. Throws where the query fails: the text is then cut short. */
export async function* resultJson({ handle, batches }: StartedResult): AsyncGenerator<string> {
  const encoder = new RowEncoder(handle.columns);
  yield `{"queryId":${JSON.stringify(handle.id)},"columns":${JSON.stringify(columnsJson(handle.columns))},"rows":[`;
  let separator = '';
  for await (const batch of batches) {
    for (const rows of encoder.chunks(batch)) {
      yield separator + rows;
      separator = ',';
    }
  }
  yield `],"stats":${JSON.stringify(handle.info().stats satisfies QueryStats)}}`;
}

/** The answer as lines of JSON: a header, batches of rows, and a trailer with the statistics or the error. */
export async function* resultLines(handle: QueryHandle): AsyncGenerator<string> {
  const encoder = new RowEncoder(handle.columns);
  yield `${JSON.stringify({ queryId: handle.id, columns: columnsJson(handle.columns) })}\n`;
  try {
    for await (const batch of handle.batches) {
      for (const rows of encoder.chunks(batch)) yield `{"rows":[${rows}]}\n`;
    }
  } catch (error) {
    yield `${JSON.stringify({ error: errorJson(toSkeinError(error)) })}\n`;
    return;
  }
  yield `${JSON.stringify({ stats: handle.info().stats })}\n`;
}
