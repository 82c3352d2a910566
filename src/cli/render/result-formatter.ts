import { assertNever } from '../../common/index.ts';
import type { RecordBatch, Schema } from '../../types/index.ts';
import { csvFormatter } from './csv.ts';
import { jsonFormatter, jsonLinesFormatter } from './json.ts';
import { markdownFormatter } from './markdown.ts';
import { type TableOptions, tableFormatter } from './table.ts';

/** Turns one result into text, piece by piece, in memory that does not grow with the result. */
export interface ResultFormatter {
  /** Called first, once. */
  begin(columns: Schema): string;
  batch(batch: RecordBatch): string;
  /** Called last, once; not after an error. */
  end(): string;
}

export type ResultFormat = 'table' | 'json' | 'jsonl' | 'csv' | 'markdown';

/** A statement that answers nothing says `done` to people, and nothing to programs. */
export function resultFormatter(format: ResultFormat, table: TableOptions): ResultFormatter {
  const formatter = formatterOf(format, table);
  let isEmpty = false;
  return {
    begin(columns) {
      isEmpty = columns.length === 0 && format !== 'json';
      return isEmpty ? '' : formatter.begin(columns);
    },
    batch: (batch) => formatter.batch(batch),
    end() {
      if (!isEmpty) return formatter.end();
      return format === 'table' ? 'done\n' : '';
    },
  };
}

function formatterOf(format: ResultFormat, table: TableOptions): ResultFormatter {
  switch (format) {
    case 'table':
      return tableFormatter(table);
    case 'json':
      return jsonFormatter();
    case 'jsonl':
      return jsonLinesFormatter();
    case 'csv':
      return csvFormatter();
    case 'markdown':
      return markdownFormatter();
    default:
      return assertNever(format);
  }
}
