import { formatValue, type SqlType, type SqlValue } from '../../types/index.ts';
import { mapRows } from './map-rows.ts';
import type { ResultFormatter } from './result-formatter.ts';

/**
 * RFC 4180 with a header, its lines ending in a bare line feed as every shell tool expects. NULL is nothing, the empty
 * string `""`.
 */
export function csvFormatter(): ResultFormatter {
  return {
    begin: (columns) => `${columns.map(({ name }) => field(name)).join(',')}\n`,
    batch(batch) {
      const types = batch.schema.map(({ type }) => type);
      return mapRows(batch, (row) => `${row.map((value, index) => cell(value, types[index])).join(',')}\n`);
    },
    end: () => '',
  };
}

function cell(value: SqlValue, type: SqlType | undefined): string {
  if (value === null || type === undefined) return '';
  return field(formatValue(value, type) ?? '');
}

function field(text: string): string {
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
