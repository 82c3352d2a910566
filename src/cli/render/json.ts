import { distinctNames, jsonEncoder, type RecordBatch, type Schema } from '../../types/index.ts';
import type { ResultFormatter } from './result-formatter.ts';

/** An array of objects, one a line. Columns of the same name get a number: `a`, `a_1`. */
export function jsonFormatter(): ResultFormatter {
  let encode: RowEncoder = () => '';
  let rows = 0;
  return {
    begin(columns) {
      encode = rowEncoder(columns);
      return '[';
    },
    batch(batch) {
      const objects = encodeRows(batch, encode);
      const before = rows === 0 ? '\n' : ',\n';
      rows += batch.rowCount;
      return objects.length === 0 ? '' : before + objects.join(',\n');
    },
    end: () => (rows === 0 ? ']\n' : '\n]\n'),
  };
}

/** One object a line. */
export function jsonLinesFormatter(): ResultFormatter {
  let encode: RowEncoder = () => '';
  return {
    begin(columns) {
      encode = rowEncoder(columns);
      return '';
    },
    batch: (batch) =>
      encodeRows(batch, encode)
        .map((object) => `${object}\n`)
        .join(''),
    end: () => '',
  };
}

type RowEncoder = (batch: RecordBatch, row: number) => string;

function encodeRows(batch: RecordBatch, encode: RowEncoder): readonly string[] {
  return Array.from({ length: batch.rowCount }, (_, row) => encode(batch, row));
}

function rowEncoder(columns: Schema): RowEncoder {
  const encoders = columns.map(({ type }) => jsonEncoder(type));
  const keys = distinctNames(columns).map((name) => JSON.stringify(name));
  return (batch, row) =>
    `{${encoders.map((encode, index) => `${keys[index]}:${encode(batch.columns[index]?.[row] ?? null)}`).join(',')}}`;
}
