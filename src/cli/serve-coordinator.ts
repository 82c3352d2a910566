import { formatBytes, formatCount, SkeinError, SqlState } from '../common/index.ts';
import type { QueryService } from '../coordinator/index.ts';
import type { CommandContext } from './command.ts';
import { spoolFolder, storeOptions, warehouse } from './folders.ts';
import { explainListenError, listenHost } from './listen-address.ts';
import { packageVersion } from './package-version.ts';
import { closeWithin, serveUntilInterrupted } from './serve.ts';

/** What closing takes, at most, once the queries have ended. */
const closeMs = 10_000;

/** What there is to query. A server whose tables take long to be looked into serves all the same. */
export async function tablesLine(service: Pick<QueryService, 'cluster'>, data: string): Promise<string> {
  try {
    const { tables } = await service.cluster();
    if (tables.length === 0) return `no tables yet: put Parquet, CSV or JSON files into ${data}`;
    const rows = tables.reduce((sum, table) => sum + table.rowCount, 0);
    const bytes = tables.reduce((sum, table) => sum + table.bytes, 0);
    const count = `${formatCount(tables.length)} ${tables.length === 1 ? 'table' : 'tables'}`;
    return `${count} in ${data}: ${formatCount(rows)} rows, ${formatBytes(bytes)}`;
  } catch (error) {
    if (!(error instanceof SkeinError) || error.sqlState !== SqlState.queryCanceled) throw error;
    return `the tables in ${data} are still being looked into`;
  }
}

/** Serves --data until the user ends it. @param workers in this process */
export async function serveCoordinator(context: CommandContext, workers: number): Promise<number> {
  const { config, out } = context;
  const { port, threads, memory, clusterToken, drainTimeout } = config.values;
  const host = listenHost(config);
  const data = await warehouse(config);
  const { startCoordinator } = await import('../main/index.ts');
  const server = await startCoordinator({
    data,
    ...storeOptions(config),
    workers,
    host,
    port,
    threads,
    memoryBytes: memory,
    token: clusterToken,
    spoolDir: spoolFolder(config),
    drainMs: drainTimeout,
  }).catch((error: unknown) => {
    throw explainListenError(error, host, port);
  });
  try {
    const { bold, dim } = out.style;
    const lines = [
      `${bold('Skein')} ${packageVersion()} serves ${bold(server.url)}`,
      await tablesLine(server.queryService, data),
      workers === 0 ? 'no workers yet' : `${workers} ${workers === 1 ? 'worker' : 'workers'} in this process`,
      '',
      dim('try:'),
      ...(workers === 0 ? [`  skein worker --coordinator ${server.url}`] : []),
      `  skein query "SHOW TABLES" --server ${server.url}`,
      `  curl -s ${server.url}/query -H content-type:application/json -d '{"sql": "SELECT 42 AS answer"}'`,
      dim('Ctrl-C ends it.'),
    ];
    await out.write(`${lines.join('\n')}\n`);
    await serveUntilInterrupted(context);
  } finally {
    await closeWithin(() => server.close(), drainTimeout + closeMs, context);
  }
  return 0;
}
