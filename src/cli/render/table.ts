import { formatCount } from '../../common/index.ts';
import { formatType, formatValue, type RecordBatch, type Schema, type SqlType } from '../../types/index.ts';
import { displayWidth, printable, truncateToWidth } from './display-width.ts';
import { isNumeric } from './is-numeric.ts';
import type { ResultFormatter } from './result-formatter.ts';
import type { Style } from './style.ts';
import { layoutTable, type TableLayout } from './table-layout.ts';

export interface TableOptions {
  /** Cells of the terminal's line, to cut values and columns to; undefined: nothing is cut. */
  readonly width: number | undefined;
  /** Rows to show, the middle of a longer result being left out; undefined: all, as they come. */
  readonly maxRows: number | undefined;
  readonly style: Style;
}

/** Texts of a row; null is NULL. */
type TextRow = readonly (string | null)[];

/** Rows that decide the widths where all rows are shown as they come; a wider value after them stands out. */
const sampleRows = 1000;

/** A boxed table: names, types, rows, and a line with the number of rows. */
export function tableFormatter(options: TableOptions): ResultFormatter {
  return options.maxRows === undefined
    ? streamedTable(options)
    : elidedTable(options, Math.max(2, options.maxRows));
}

function streamedTable(options: TableOptions): ResultFormatter {
  let columns: Schema = [];
  let table: TableWriter | undefined;
  let sample: TextRow[] = [];
  let rows = 0;
  const flush = (): string => {
    table ??= new TableWriter(columns, sample, options);
    const text =
      (rows === sample.length ? table.header() : '') + sample.map((row) => table?.row(row)).join('');
    sample = [];
    return text;
  };
  return {
    begin(schema) {
      columns = schema;
      return '';
    },
    batch(batch) {
      let text = '';
      for (let index = 0; index < batch.rowCount; index++) {
        rows++;
        sample.push(textRow(batch, index, options.width));
        if (table === undefined ? sample.length >= sampleRows : index === batch.rowCount - 1) text += flush();
      }
      return text;
    },
    end() {
      const text = flush();
      return text + (table?.footer(rows, rows) ?? '');
    },
  };
}

function elidedTable(options: TableOptions, maxRows: number): ResultFormatter {
  const headRows = Math.ceil(maxRows / 2);
  let columns: Schema = [];
  let rows = 0;
  const head: TextRow[] = [];
  // The rows after the head: the last ones, written round and round.
  const tail: TextRow[] = [];
  return {
    begin(schema) {
      columns = schema;
      return '';
    },
    batch(batch) {
      const tailRows = maxRows - headRows;
      for (let index = 0; index < batch.rowCount; index++, rows++) {
        if (head.length < headRows) head.push(textRow(batch, index, options.width));
        else if (rows - headRows < tailRows || index >= batch.rowCount - tailRows) {
          tail[(rows - headRows) % tailRows] = textRow(batch, index, options.width);
        }
      }
      return '';
    },
    end() {
      const tailRows = maxRows - headRows;
      const start = rows > maxRows ? (rows - headRows) % tailRows : 0;
      const last = [...tail.slice(start), ...tail.slice(0, start)];
      const table = new TableWriter(columns, [...head, ...last], options);
      return [
        table.header(),
        ...head.map((row) => table.row(row)),
        rows > maxRows ? table.gap() : '',
        ...last.map((row) => table.row(row)),
        table.footer(rows, head.length + last.length),
      ].join('');
    },
  };
}

/** A text that reads NULL is quoted, to be told from NULL without colors. */
function textRow(batch: RecordBatch, row: number, width: number | undefined): TextRow {
  return batch.schema.map(({ type }, index) => {
    const value = batch.columns[index]?.[row] ?? null;
    if (value === null) return null;
    const text = printable(formatValue(value, type) ?? '');
    const whole = text === 'NULL' ? "'NULL'" : text;
    return width === undefined ? whole : truncateToWidth(whole, width);
  });
}

/** Writes the parts of one table whose layout is settled. */
class TableWriter {
  readonly #columns: Schema;
  readonly #layout: TableLayout;
  readonly #style: Style;
  /** No value is cut where there is no width to keep. */
  readonly #cut: boolean;

  constructor(columns: Schema, sample: readonly TextRow[], options: TableOptions) {
    this.#columns = columns;
    this.#style = options.style;
    this.#cut = options.width !== undefined;
    const widths = columns.map(({ name, type }, index) => ({
      title: Math.max(displayWidth(printable(name)), displayWidth(typeText(type))),
      values: sample.reduce((width, row) => Math.max(width, displayWidth(row[index] ?? 'NULL')), 0),
      numeric: isNumeric(type),
    }));
    this.#layout = layoutTable(widths, options.width);
  }

  header(): string {
    const { bold, dim } = this.#style;
    return (
      this.#rule('┌', '┬', '┐') +
      this.#line((index) => printable(this.#columns[index]?.name ?? ''), bold, '…') +
      this.#line((index) => typeText(this.#typeOf(index)), dim, '') +
      this.#rule('├', '┼', '┤')
    );
  }

  row(row: TextRow): string {
    return this.#line((index) => row[index] ?? null, undefined, '…');
  }

  /** Stands for the rows left out. */
  gap(): string {
    return this.#line(() => '⋮', this.#style.dim, '');
  }

  footer(rows: number, shownRows: number): string {
    const parts = [`${formatCount(rows)} ${rows === 1 ? 'row' : 'rows'}`];
    if (shownRows < rows) parts.push(`${formatCount(shownRows)} shown (--max-rows 0 shows all)`);
    const shownColumns = this.#layout.columns.length;
    if (shownColumns < this.#columns.length)
      parts.push(`${shownColumns} of ${this.#columns.length} columns shown`);
    return `${this.#rule('└', '┴', '┘')}${this.#style.dim(parts.join(', '))}\n`;
  }

  #typeOf(index: number): SqlType {
    return this.#columns[index]?.type ?? { kind: 'scalar', name: 'NULL' };
  }

  #line(
    textOf: (index: number) => string | null,
    color: ((text: string) => string) | undefined,
    elided: string,
  ): string {
    const bar = this.#style.dim('│');
    const cells = this.#layout.columns.map(({ index, width }) => {
      const text = textOf(index);
      const shown =
        this.#cut || color !== undefined ? truncateToWidth(text ?? 'NULL', width) : (text ?? 'NULL');
      const padding = ' '.repeat(Math.max(0, width - displayWidth(shown)));
      const colored = text === null ? this.#style.dim(shown) : color === undefined ? shown : color(shown);
      return isNumeric(this.#typeOf(index)) ? padding + colored : colored + padding;
    });
    const { elidedAt } = this.#layout;
    if (elidedAt !== undefined) cells.splice(elidedAt, 0, this.#style.dim(elided.padEnd(1)));
    return `${bar} ${cells.join(` ${bar} `)} ${bar}\n`;
  }

  #rule(left: string, middle: string, right: string): string {
    const lines = this.#layout.columns.map(({ width }) => '─'.repeat(width + 2));
    const { elidedAt } = this.#layout;
    if (elidedAt !== undefined) lines.splice(elidedAt, 0, '───');
    return `${this.#style.dim(left + lines.join(middle) + right)}\n`;
  }
}

/** The type in small letters; long ones are cut, for they are no values. */
function typeText(type: SqlType): string {
  if (type.kind === 'enum') return 'enum';
  return truncateToWidth(printable(formatType(type).replaceAll('"', '').toLowerCase()), 24);
}
