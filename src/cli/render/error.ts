import { toSkeinError } from '../../common/index.ts';
import { UsageError } from '../../config/index.ts';
import { displayWidth, printable, truncateToWidth } from './display-width.ts';
import type { Style } from './style.ts';

/** Cells of SQL shown around an error's position. */
const excerptWidth = 100;

/**
 * An error for people: SQLSTATE and message, the line of SQL with a caret under the position, the hint.
 * @param sql the text that positions point into; undefined where there is none
 */
export function renderError(error: unknown, sql: string | undefined, style: Style): string {
  const { sqlState, message, position, hint } = toSkeinError(error);
  const title = error instanceof UsageError ? 'error:' : `error ${sqlState}:`;
  const lines = [`${style.red(style.bold(title))} ${message.trimEnd()}`];
  if (sql !== undefined && position !== undefined && position <= sql.length) {
    lines.push(...excerpt(sql, position, style));
  }
  if (hint !== undefined) lines.push(`${style.cyan('hint:')} ${hint}`);
  return `${lines.join('\n')}\n`;
}

/** `LINE 2: SELECT * FROM usrs` and the caret; a long line is cut on both sides. */
function excerpt(sql: string, position: number, style: Style): readonly string[] {
  const start = sql.lastIndexOf('\n', position - 1) + 1;
  const end = sql.indexOf('\n', position);
  const lineNumber = sql.slice(0, start).split('\n').length;
  const line = sql.slice(start, end < 0 ? undefined : end).trimEnd();

  let before = printable(line.slice(0, position - start).replaceAll('\t', ' '));
  const after = printable(line.slice(position - start).replaceAll('\t', ' '));
  if (displayWidth(before) > excerptWidth / 2) before = `…${before.slice(-excerptWidth / 2)}`;
  const label = `LINE ${lineNumber}: `;
  const shown = `${before}${truncateToWidth(after, excerptWidth - displayWidth(before))}`;
  return [
    `${style.dim(label)}${shown}`,
    `${' '.repeat(label.length + displayWidth(before))}${style.red('^')}`,
  ];
}
