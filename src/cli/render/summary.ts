import { formatBytes, formatCount, formatDuration } from '../../common/index.ts';
import type { QueryStats } from '../../coordinator/index.ts';

/** `3 rows in 45 ms · scanned 1,000,000 rows, 12 MB · 3 stages, 9 tasks on 3 workers · exchanged 30 rows, 2.1 KB`. */
export function renderSummary(stats: QueryStats): string {
  const parts = [
    `${count(stats.rows, 'row')} in ${formatDuration(stats.elapsedMs)}`,
    `scanned ${count(stats.scannedRows, 'row')}, ${formatBytes(stats.scannedBytes)}`,
    stats.bypassed
      ? 'ran as one task: small (local_bypass)'
      : `${count(stats.stages, 'stage')}, ${count(stats.tasks, 'task')} on ${count(stats.workers, 'worker')}`,
  ];
  if (stats.exchangedRows > 0) {
    parts.push(`exchanged ${count(stats.exchangedRows, 'row')}, ${formatBytes(stats.exchangedBytes)}`);
  }
  if (stats.retries > 0) parts.push(count(stats.retries, 'retry', 'retries'));
  if (stats.queuedMs >= 10) parts.push(`queued ${formatDuration(stats.queuedMs)}`);
  return parts.join(' · ');
}

function count(value: number, one: string, many = `${one}s`): string {
  return `${formatCount(value)} ${value === 1 ? one : many}`;
}
