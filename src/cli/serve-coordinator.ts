import { formatBytes, formatCount } from '../common/index.ts';
import type { CommandContext } from './command.ts';
import { spoolFolder, storeOptions, warehouse } from './folders.ts';
import { explainListenError, listenHost } from './listen-address.ts';
import { packageVersion } from './package-version.ts';
import { closeWithin, serveUntilInterrupted } from './serve.ts';

/** What closing takes, at most, once the queries have ended. */
const closeMs = 10_000;

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
    const { tables } = await server.queryService.cluster();
    const rows = tables.reduce((sum, table) => sum + table.rowCount, 0);
    const bytes = tables.reduce((sum, table) => sum + table.bytes, 0);
    const { bold, dim } = out.style;
    const lines = [
      `${bold('Skein')} ${packageVersion()} serves ${bold(server.url)}`,
      tables.length === 0
        ? `no tables yet: put Parquet, CSV or JSON files into ${data}`
        : `${formatCount(tables.length)} ${tables.length === 1 ? 'table' : 'tables'} in ${data}: ${formatCount(rows)} rows, ${formatBytes(bytes)}`,
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
