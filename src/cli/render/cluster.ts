import { formatBytes, formatCount, formatDuration } from '../../common/index.ts';
import type { ClusterInfo, WorkerInfo } from '../../coordinator/index.ts';
import { type ColumnHeader, renderColumns } from './columns.ts';
import { printable } from './display-width.ts';
import type { Style } from './style.ts';

/** A cluster for people: what it serves, and each worker's health, load and caches. */
export function renderCluster(cluster: ClusterInfo, url: string, style: Style): string {
  const { tables, workers } = cluster;
  const rows = tables.reduce((sum, table) => sum + table.rowCount, 0);
  const bytes = tables.reduce((sum, table) => sum + table.bytes, 0);
  const facts: readonly (readonly [string, string])[] = [
    [
      'coordinator',
      `${url}  Skein ${cluster.version}, DuckDB ${cluster.duckdbVersion}, up ${formatDuration(cluster.uptimeMs)}`,
    ],
    ['queries', `${cluster.runningQueries} running, ${cluster.queuedQueries} queued`],
    [
      'tables',
      tables.length === 0
        ? 'none'
        : `${formatCount(tables.length)} with ${formatCount(rows)} rows, ${formatBytes(bytes)}`,
    ],
  ];
  const lines = facts.map(([name, text]) => `${style.bold(name.padEnd(11))}  ${text}`);
  if (workers.length === 0) {
    lines.push(
      '',
      `No workers: queries wait or fail until one joins. Start one with:`,
      `  skein worker --coordinator ${url}`,
    );
  } else {
    lines.push(
      '',
      ...renderColumns(
        workerHeaders,
        workers.map((worker) => workerRow(worker, style)),
        style,
      ),
    );
  }
  return `${lines.join('\n')}\n`;
}

const workerHeaders: readonly ColumnHeader[] = [
  { title: 'WORKER' },
  { title: 'STATE' },
  { title: 'TASKS', align: 'right' },
  { title: 'DONE', align: 'right' },
  { title: 'FAILED', align: 'right' },
  { title: 'CPU', align: 'right' },
  { title: 'THREADS', align: 'right' },
  { title: 'MEMORY', align: 'right' },
  { title: 'SPOOL', align: 'right' },
  { title: 'CACHE', align: 'right' },
  { title: 'HITS', align: 'right' },
  { title: 'TABLES', align: 'right' },
  { title: 'HITS', align: 'right' },
  { title: 'SEEN', align: 'right' },
  { title: 'UP', align: 'right' },
  { title: 'ADDRESS' },
];

function workerRow(worker: WorkerInfo, style: Style): readonly string[] {
  return [
    printable(worker.id),
    stateText(worker.state, style),
    formatCount(worker.runningTasks),
    formatCount(worker.finishedTasks),
    worker.failedTasks === 0 ? '0' : style.yellow(formatCount(worker.failedTasks)),
    `${Math.round(worker.cpuLoad * 100)}%`,
    `${worker.threads}`,
    `${formatBytes(worker.memoryUsedBytes)} of ${formatBytes(worker.memoryBytes)}`,
    formatBytes(worker.spoolBytes),
    formatBytes(worker.cacheBytes),
    hitRate(worker.cacheHits, worker.cacheMisses),
    formatBytes(worker.tableCacheBytes),
    hitRate(worker.tableCacheHits, worker.tableCacheMisses),
    `${formatDuration(worker.lastSeenMs)} ago`,
    formatDuration(worker.uptimeMs),
    worker.url === '' ? 'in process' : printable(worker.url),
  ];
}

function hitRate(hits: number, misses: number): string {
  return hits + misses === 0 ? '-' : `${Math.round((hits / (hits + misses)) * 100)}%`;
}

function stateText(state: WorkerInfo['state'], style: Style): string {
  switch (state) {
    case 'alive':
      return style.green(state);
    case 'suspect':
    case 'draining':
      return style.yellow(state);
    case 'lost':
      return style.red(state);
  }
}
