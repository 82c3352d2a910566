import type { WorkerLog } from '../../worker/index.ts';
import type { CommandContext, CommandSpec } from '../command.ts';
import { s3Options, spoolFolder, tableCache } from '../folders.ts';
import { explainListenError, listenHost } from '../listen-address.ts';
import { closeWithin, serveUntilInterrupted } from '../serve.ts';
import type { Output } from '../terminal.ts';

export const workerCommand: CommandSpec = {
  name: 'worker',
  summary: 'run a worker of a cluster',
  details: `Joins the coordinator, and joins again whenever the coordinator has been away. Ctrl-C or SIGTERM lets it finish its
tasks, for --drain-timeout at most; a second one ends it at once, and other workers run its tasks again.`,
  options: [
    'coordinator',
    'threads',
    'memory',
    'spool',
    's3Endpoint',
    's3Region',
    's3PathStyle',
    'tableCache',
    'tableCacheSize',
    'workerPort',
    'host',
    'advertise',
    'clusterToken',
    'drainTimeout',
  ],
  examples: [
    { command: 'skein worker', does: 'of the coordinator on this machine' },
    {
      command: 'skein worker --coordinator http://HOST:8642 --host 0.0.0.0 --cluster-token SECRET',
      does: 'on another machine',
    },
    { command: 'skein worker --threads 4 --memory 4GB --spool /fast/disk', does: 'with limits' },
  ],
  async run(context) {
    const { config, out, interrupt } = context;
    const { coordinator, workerPort, threads, memory, advertise, clusterToken, drainTimeout } = config.values;
    const host = listenHost(config);
    const { startWorker } = await import('../../main/index.ts');
    const worker = await startWorker({
      coordinator,
      host,
      port: workerPort,
      threads,
      memoryBytes: memory,
      advertiseHost: advertise,
      spoolDir: spoolFolder(config),
      s3: s3Options(config),
      tableCache: tableCache(config),
      token: clusterToken,
      drainMs: drainTimeout,
      log: logTo(context.err),
    }).catch((error: unknown) => {
      throw explainListenError(error, host, workerPort);
    });
    endWithParent(context);
    try {
      await out.write(`worker ${worker.url} joins ${coordinator}\n`);
      const ended = serveUntilInterrupted(context);
      await Promise.race([worker.registered, ended]);
      if (!interrupt.signal.aborted) {
        await out.write(`joined; skein cluster --server ${coordinator} shows all workers. Ctrl-C leaves.\n`);
      }
      await ended;
    } finally {
      await closeWithin(() => worker.close(), drainTimeout + 5000, context);
    }
    return 0;
  },
};

/** One line an event: what happened, and its details. What is said again and again is said once. */
function logTo({ write, style }: Output): WorkerLog {
  let last = '';
  const log = (details: object, message: string, color: (text: string) => string): void => {
    const facts = Object.entries(details).map(([name, value]) => `${name}=${String(value)}`);
    const text = facts.length === 0 ? message : `${message} (${facts.join(', ')})`;
    if (text === last) return;
    last = text;
    void write(`${style.dim(new Date().toISOString().slice(11, 19))} ${color(text)}\n`);
  };
  return {
    info: (details, message) => log(details, message, (text) => text),
    warn: (details, message) => log(details, message, style.yellow),
  };
}

/** A worker that another process of Skein started ends with that one, even if it was killed. */
function endWithParent({ interrupt }: CommandContext): void {
  if (process.connected) process.once('disconnect', () => interrupt.cancel(0));
}
