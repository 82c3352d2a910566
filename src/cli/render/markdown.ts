import { formatValue, type SqlType, type SqlValue } from '../../types/index.ts';
import { isNumeric } from './is-numeric.ts';
import { mapRows } from './map-rows.ts';
import type { ResultFormatter } from './result-formatter.ts';

/** A table of GitHub's Markdown, numbers to the right. */
export function markdownFormatter(): ResultFormatter {
  return {
    begin: (columns) =>
      line(columns.map(({ name }) => escapeCell(name))) +
      line(columns.map(({ type }) => (isNumeric(type) ? '---:' : '---'))),
    batch: (batch) =>
      mapRows(batch, (row) => line(row.map((value, index) => cell(value, batch.schema[index]?.type)))),
    end: () => '',
  };
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |\n`;
}

function cell(value: SqlValue, type: SqlType | undefined): string {
  return value === null || type === undefined ? 'NULL' : escapeCell(formatValue(value, type) ?? '');
}

function escapeCell(text: string): string {
  return text.replaceAll(/[\\|<]/g, '\\$&').replaceAll(/\r\n|\r|\n/g, '<br>');
}
