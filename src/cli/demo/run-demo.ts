import { availableParallelism, totalmem } from 'node:os';
import { SkeinClient } from '../../client/index.ts';
import { formatBytes, formatCount, formatDuration } from '../../common/index.ts';
import type { ClusterInfo } from '../../coordinator/index.ts';
import { startCoordinator } from '../../main/index.ts';
import type { CommandContext } from '../command.ts';
import { spoolFolder } from '../folders.ts';
import { explainListenError, freePort, listenHost } from '../listen-address.ts';
import { packageVersion } from '../package-version.ts';
import { stripColors } from '../render/columns.ts';
import { closeWithin, serveUntilInterrupted } from '../serve.ts';
import { WorkerProcesses } from '../worker-processes.ts';
import { makeDemoTables } from './demo-tables.ts';
import { sampleQueries } from './sample-queries.ts';
import { showQuery } from './show-query.ts';

/** The demo, start to end. */
export async function runDemo(context: CommandContext): Promise<number> {
  const { config, out, interrupt } = context;
  const { style } = out;
  const { clusterToken, demoWorkers, drainTimeout, serve, threads, memory } = config.values;
  const host = listenHost(config);
  await out.write(`${style.bold('Skein')} ${packageVersion()}: SQL over several workers, DuckDB in each\n\n`);
  const folder = await prepareTables(context);
  const port = config.values.port === 0 ? 0 : await freePort(host, config.values.port);

  const share = memory ?? Math.floor(totalmem() / 2 / (demoWorkers + 1));
  const coordinator = await startCoordinator({
    data: folder,
    host,
    port,
    memoryBytes: share,
    spoolDir: spoolFolder(config),
    token: clusterToken,
  }).catch((error: unknown) => {
    throw explainListenError(error, host, port);
  });
  const opened: AsyncDisposable[] = [];
  try {
    const workers = await WorkerProcesses.start(
      {
        count: demoWorkers,
        coordinator: coordinator.url,
        home: config.home,
        spool: spoolFolder(config),
        threads: threads ?? Math.max(1, Math.floor(availableParallelism() / demoWorkers)),
        memoryBytes: share,
        token: clusterToken,
      },
      () => coordinator.queryService.cluster(),
      interrupt.signal,
    );
    opened.push(workers);
    const client = new SkeinClient({
      server: coordinator.url,
      ...(clusterToken !== undefined && { token: clusterToken }),
    });
    opened.push(client);
    await out.write(addresses(coordinator.url, await client.cluster(), context));
    await out.write(
      `\n${style.dim('The queries below run with local_bypass off: as small as they are, one worker alone would answer them faster.')}\n`,
    );
    for (const [index, query] of sampleQueries.entries()) {
      await showQuery(client, query, index + 1, out, interrupt.signal);
    }
    if (serve) {
      await out.write(whatNext(coordinator.url, workers.pids, context));
      await serveUntilInterrupted(context);
    } else {
      await out.write(`\n${style.dim('To keep it running and ask your own:')} skein demo --serve\n`);
    }
  } finally {
    const close = async (): Promise<void> => {
      for (const each of opened.reverse()) await each[Symbol.asyncDispose]();
      await coordinator.close();
    };
    await closeWithin(close, drainTimeout, context);
  }
  return 0;
}

async function prepareTables({ config, out, interrupt }: CommandContext): Promise<string> {
  const { dim } = out.style;
  if (out.isTerminal)
    await out.write(line(dim('tables'), dim('making them, if they are not there yet ...')).trimEnd());
  const before = performance.now();
  const { folder, made } = await makeDemoTables(config.home, interrupt.signal);
  const took = formatDuration(performance.now() - before);
  if (out.isTerminal) await out.write('\r\x1b[2K');
  await out.write(line(dim('tables'), `${folder}${made ? dim(`  made in ${took}`) : ''}`));
  return folder;
}

function addresses(url: string, { tables, workers }: ClusterInfo, { config, out }: CommandContext): string {
  const { dim, bold } = out.style;
  const { port } = config.values;
  const isOtherPort = port !== 0 && Number(new URL(url).port) !== port;
  return [
    ...tables.map(({ name, rowCount, files, bytes }) =>
      line(
        '',
        `${name.replace(/^main\./, '')}: ${formatCount(rowCount)} rows in ${files} files, ${formatBytes(bytes)}`,
      ),
    ),
    line(dim('coordinator'), `${bold(url)}${isOtherPort ? dim(`  port ${port} is in use`) : ''}`),
    ...workers.map(({ url: worker, threads }, index) =>
      line(index === 0 ? dim('workers') : '', `${worker}${threads === 1 ? '' : `  ${threads} threads`}`),
    ),
  ].join('');
}

function whatNext(url: string, pids: readonly number[], { out }: CommandContext): string {
  const { bold, dim } = out.style;
  // From a checkout, as npm start runs it, the command is not on the path.
  const skein = process.env.npm_lifecycle_event === undefined ? 'skein' : 'npx skein';
  return `
${bold(`Serving on ${url}`)} ${dim('until Ctrl-C. In another terminal:')}
  ${skein} query "FROM users LIMIT 5" --server ${url}
  ${skein} cluster --server ${url}
  curl -s ${url}/query -H content-type:application/json -d '{"sql": "FROM users LIMIT 5"}'
  kill -9 ${pids[0] ?? ''}   ${dim('# a worker; queries go on with the others')}
`;
}

const labelWidth = 13;

function line(label: string, text: string): string {
  const padding = ' '.repeat(Math.max(0, labelWidth - stripColors(label).length));
  return `  ${label}${padding}${text}\n`;
}
