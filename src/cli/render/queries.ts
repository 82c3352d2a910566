import { formatCount, formatDuration } from '../../common/index.ts';
import type { QueryInfo, QueryState } from '../../coordinator/index.ts';
import { type ColumnHeader, renderColumns } from './columns.ts';
import { printable, truncateToWidth } from './display-width.ts';
import type { Style } from './style.ts';

const headers: readonly ColumnHeader[] = [
  { title: 'ID' },
  { title: 'STATE' },
  { title: 'STARTED' },
  { title: 'TIME', align: 'right' },
  { title: 'DONE', align: 'right' },
  { title: 'ROWS', align: 'right' },
  { title: 'SQL' },
];

/** Queries for people, in the order given. `width` cuts the SQL to the terminal's line. */
export function renderQueries(
  queries: readonly QueryInfo[],
  width: number | undefined,
  style: Style,
): string {
  if (queries.length === 0) return 'No queries yet.\n';
  const rows = queries.map((query) => [
    query.id,
    stateText(query.state, style),
    new Date(query.submittedAt).toTimeString().slice(0, 8),
    formatDuration(query.stats.elapsedMs),
    `${Math.round(query.progress.fraction * 100)}%`,
    formatCount(query.stats.rows),
  ]);
  const room = width === undefined ? 200 : Math.max(20, width - 80);
  const lines = renderColumns(
    headers,
    rows.map((row, index) => [...row, truncateToWidth(oneLine(queries[index]?.sql ?? ''), room)]),
    style,
  );
  return `${lines.join('\n')}\n`;
}

/** The SQL with every run of blanks and line ends as one blank. */
function oneLine(sql: string): string {
  return printable(sql.replaceAll(/\s+/g, ' ').trim());
}

function stateText(state: QueryState, style: Style): string {
  switch (state) {
    case 'queued':
    case 'planning':
    case 'running':
    case 'finishing':
      return style.cyan(state);
    case 'finished':
      return style.green(state);
    case 'failed':
      return style.red(state);
    case 'canceled':
      return style.yellow(state);
  }
}
