import { displayWidth } from './display-width.ts';
import type { Style } from './style.ts';

export interface ColumnHeader {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Lines of aligned columns under a dim header, two blanks between columns, without borders. Cells may have colors. */
export function renderColumns(
  headers: readonly ColumnHeader[],
  rows: readonly (readonly string[])[],
  style: Style,
): readonly string[] {
  const widths = headers.map(({ title }, index) =>
    Math.max(title.length, ...rows.map((row) => displayWidth(stripColors(row[index] ?? '')))),
  );
  const line = (cells: readonly string[]): string =>
    headers
      .map(({ align }, index) => {
        const text = cells[index] ?? '';
        const padding = ' '.repeat(Math.max(0, (widths[index] ?? 0) - displayWidth(stripColors(text))));
        return align === 'right' ? padding + text : text + padding;
      })
      .join('  ')
      .trimEnd();
  return [style.dim(line(headers.map(({ title }) => title))), ...rows.map(line)];
}

/** The text without the escape sequences of `Style`. */
export function stripColors(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence starts with one
  return text.replaceAll(/\x1b\[\d+m/g, '');
}
