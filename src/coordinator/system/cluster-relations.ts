import { columns, type SystemTable } from './system-table.ts';

/** The statements that the coordinator remembers, newest first. */
export const systemQueries: SystemTable = {
  name: 'queries',
  schema: columns({
    query_id: 'VARCHAR',
    sql: 'VARCHAR',
    state: 'VARCHAR',
    submitted_at: 'TIMESTAMP WITH TIME ZONE',
    finished_at: 'TIMESTAMP WITH TIME ZONE',
    elapsed_ms: 'DOUBLE',
    planning_ms: 'DOUBLE',
    row_count: 'BIGINT',
    scanned_rows: 'BIGINT',
    scanned_bytes: 'BIGINT',
    exchanged_bytes: 'BIGINT',
    tasks: 'BIGINT',
    retries: 'BIGINT',
    error_state: 'VARCHAR',
    error: 'VARCHAR',
  }),
  async rows({ queries }) {
    return queries().map(({ id, sql, state, submittedAt, finishedAt, stats, error }) => [
      id,
      sql,
      state,
      submittedAt,
      finishedAt ?? null,
      stats.elapsedMs,
      stats.planningMs,
      stats.rows,
      stats.scannedRows,
      stats.scannedBytes,
      stats.exchangedBytes,
      stats.tasks,
      stats.retries,
      error?.sqlState ?? null,
      error?.message ?? null,
    ]);
  },
};

export const systemWorkers: SystemTable = {
  name: 'workers',
  schema: columns({
    worker_id: 'VARCHAR',
    url: 'VARCHAR',
    host: 'VARCHAR',
    state: 'VARCHAR',
    threads: 'INTEGER',
    memory_bytes: 'BIGINT',
    memory_used_bytes: 'BIGINT',
    running_tasks: 'BIGINT',
    finished_tasks: 'BIGINT',
    failed_tasks: 'BIGINT',
    spool_bytes: 'BIGINT',
    cpu_load: 'DOUBLE',
    last_seen_ms: 'DOUBLE',
    uptime_ms: 'DOUBLE',
  }),
  async rows({ workers }) {
    return (await workers()).map((worker) => [
      worker.id,
      worker.url,
      worker.host,
      worker.state,
      worker.threads,
      worker.memoryBytes,
      worker.memoryUsedBytes,
      worker.runningTasks,
      worker.finishedTasks,
      worker.failedTasks,
      worker.spoolBytes,
      worker.cpuLoad,
      worker.lastSeenMs,
      worker.uptimeMs,
    ]);
  },
};
