import type { DuckDBValue } from '@duckdb/node-api';
import { SkeinError, SqlState } from '../../common/index.ts';
import { formatType, type Schema } from '../../types/index.ts';
import { type ArrowBatch, readStream } from './arrow-stream.ts';
import { sqlTypeOfArrow } from './arrow-type.ts';
import { ArrowValues } from './arrow-values.ts';
import { malformed } from './malformed.ts';

export interface ArrowLimits {
  readonly rows: number;
  /** Of all values, dictionaries resolved. */
  readonly bytes: number;
}

/** Rows of one call of DuckDB's: a vector. */
const rowsPerChunk = 2048;

/** The rows of an Arrow IPC stream. */
export class ArrowRows {
  readonly schema: Schema;
  readonly rowCount: number;
  readonly #batches: readonly ArrowBatch[];
  readonly #maxBytes: number;

  private constructor(schema: Schema, batches: readonly ArrowBatch[], maxBytes: number) {
    this.schema = schema;
    this.rowCount = batches.reduce((sum, { rows }) => sum + rows, 0);
    this.#batches = batches;
    this.#maxBytes = maxBytes;
  }

  /**
   * Takes a whole stream apart; its values are looked at when they are read.
   * @throws SkeinError 22023 where it is none, or not whole; 0A000 for types and codecs that are not taken; 42701; 54000
   * for more rows than allowed
   */
  static of(stream: Uint8Array, limits: ArrowLimits): ArrowRows {
    const { columns, batches } = guarded(() => {
      const { fields, batches: read } = readStream(stream);
      return {
        columns: fields.map((field) => ({ name: field.name, type: sqlTypeOfArrow(field) })),
        batches: read,
      };
    });
    const seen = new Set<string>();
    for (const { name } of columns) {
      if (seen.has(name.toLowerCase())) {
        throw new SkeinError(SqlState.duplicateColumn, `the Arrow stream has the column ${name} twice`);
      }
      seen.add(name.toLowerCase());
    }
    const rows = new ArrowRows(columns, batches, limits.bytes);
    if (rows.rowCount <= limits.rows) return rows;
    const message = `an append has at most ${limits.rows} rows, this one ${rows.rowCount}`;
    throw new SkeinError(SqlState.limitExceeded, message, { hint: 'Load large files: POST /data/load.' });
  }

  /** Columns, in words: equal where the rows can lie in one file. */
  get shape(): string {
    return JSON.stringify(this.schema.map(({ name, type }) => [name, formatType(type)]));
  }

  /** The rows in order, some at a time, column by column. @throws SkeinError as `ArrowValues.read` */
  *chunks(): Generator<readonly (readonly DuckDBValue[])[]> {
    const values = new ArrowValues(this.#maxBytes);
    for (const { columns, rows } of this.#batches) {
      for (let from = 0; from < rows; from += rowsPerChunk) {
        const to = Math.min(rows, from + rowsPerChunk);
        yield guarded(() => columns.map((column) => values.read(column, from, to)));
      }
    }
  }
}

/** Positions that lead out of the bytes are errors of the stream. */
function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError)
      throw malformed('positions that lead nowhere');
    throw error;
  }
}
