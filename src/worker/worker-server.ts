import http from 'node:http';
import { type AddressInfo, connect, isIPv6 } from 'node:net';
import { SkeinError, SqlState } from '../common/index.ts';
import { createHttpCoordinatorClient, workerHttpHandler } from '../rpc/index.ts';
import { exchangeHandler } from './exchange-server.ts';
import { Registration, type WorkerLog } from './registration.ts';
import { Worker, type WorkerOptions } from './worker.ts';

export interface WorkerServerOptions extends Omit<WorkerOptions, 'url' | 'readRoots'> {
  /** http://HOST:PORT of the coordinator. */
  readonly coordinatorUrl: string;
  /** Address to listen on. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Name or address by which others reach this worker; default: the one from which it reaches the coordinator. */
  readonly advertiseHost?: string;
  /** How long a leaving worker waits for its tasks to end and its outputs to be read. */
  readonly drainMs?: number;
  readonly log?: WorkerLog;
}

export interface WorkerServer {
  readonly url: string;
  /** Resolves at the first registration; rejects when the coordinator refuses this worker for good. */
  readonly registered: Promise<void>;
  /** Leaves the cluster: no new tasks, waits for those that it has, then closes. */
  close(): Promise<void>;
}

const defaultDrainMs = 30_000;
/** Longer than clients keep an idle connection, so that no request meets a closing one. */
const keepAliveMs = 120_000;
const wildcards = new Set(['0.0.0.0', '::', '']);

/** Serves a worker's calls and its exchange files, and keeps it registered with its coordinator. */
export async function startWorkerServer(options: WorkerServerOptions): Promise<WorkerServer> {
  const { token, coordinatorUrl, clock, random, log } = options;
  const server = http.createServer();
  server.keepAliveTimeout = keepAliveMs;
  const port = await listen(server, options.host, options.port);
  try {
    const url = `http://${bracket(await advertisedHost(options))}:${port}`;
    const worker = await Worker.start({ ...options, url, readRoots: undefined });
    server.on('request', workerHttpHandler(worker, token, exchangeHandler(worker.spool, token)));
    const coordinator = createHttpCoordinatorClient(coordinatorUrl, token);
    const registration = new Registration({ worker, url, coordinator, options, clock, random, log });
    const registered = registration.start();
    return {
      url,
      registered,
      async close() {
        await registration.leave();
        await worker.drain(AbortSignal.timeout(options.drainMs ?? defaultDrainMs)).catch(() => {});
        registration.stop();
        await worker.close();
        await closeServer(server);
      },
    };
  } catch (error) {
    await closeServer(server);
    throw error;
  }
}

function listen(server: http.Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const message = `cannot listen on ${host}:${port}: ${cause.message}`;
      reject(new SkeinError(SqlState.cannotConnectNow, message, { cause }));
    });
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}

async function closeServer(server: http.Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

/** Where nothing says otherwise, the address that this host has on the way to the coordinator. */
async function advertisedHost(options: WorkerServerOptions): Promise<string> {
  if (options.advertiseHost !== undefined) return options.advertiseHost;
  if (!wildcards.has(options.host)) return options.host;
  const { hostname, port } = new URL(options.coordinatorUrl);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) });
    const end = (address: string | undefined): void => {
      socket.destroy();
      resolve(address ?? '127.0.0.1');
    };
    socket.once('connect', () => end(socket.localAddress));
    socket.once('error', () => end(undefined));
    socket.setTimeout(3_000, () => end(undefined));
  });
}

function bracket(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}
