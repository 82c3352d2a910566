import http from 'node:http';
import { create } from '@bufbuild/protobuf';
import { type CallOptions, createClient, createRouterTransport, type Transport } from '@connectrpc/connect';
import { connectNodeAdapter, createConnectTransport } from '@connectrpc/connect-node';
import { requireToken, sendToken } from './cluster-token.ts';
import { fromConnectError } from './errors.ts';
import {
  CoordinatorService,
  HeartbeatRequestSchema,
  WorkerService,
  WorkerStatusSchema,
} from './gen/skein/v1/cluster_pb.ts';
import { type CoordinatorClient, coordinatorRoutes, type WorkerClient, workerRoutes } from './routes.ts';

/** Largest message: a task over many files with inline partitions stays far below. */
const maxMessageBytes = 256 * 1024 * 1024;
/** Calls that another process answers at once; a task's call has no limit of its own. */
const quickCallMs = 5_000;

const idleConnectionMs = 30_000;

const limits = { readMaxBytes: maxMessageBytes, writeMaxBytes: maxMessageBytes };

/** A worker in another process. */
export function createHttpWorkerClient(url: string, token: string | undefined): WorkerClient {
  return workerClientOver(httpTransport(url, token));
}

/** A worker in this process, through the same encoding and error mapping as over the network. */
export function createInProcessWorkerClient(worker: WorkerClient): WorkerClient {
  return workerClientOver(inProcessTransport(workerRoutes(worker)));
}

/** The coordinator of another process. */
export function createHttpCoordinatorClient(url: string, token: string | undefined): CoordinatorClient {
  return coordinatorClientOver(httpTransport(url, token));
}

/** Answers `(request, response)` pairs of node:http with a worker's calls; `fallback` answers every other path. */
export function workerHttpHandler(
  worker: WorkerClient,
  token: string | undefined,
  fallback: (request: http.IncomingMessage, response: http.ServerResponse) => void,
): http.RequestListener {
  return connectNodeAdapter({
    routes: workerRoutes(worker),
    interceptors: requireToken(token),
    acceptCompression: [],
    grpc: false,
    grpcWeb: false,
    ...limits,
    fallback: (request, response) =>
      fallback(request as http.IncomingMessage, response as http.ServerResponse),
  });
}

/** Answers `(request, response)` pairs of node:http with a coordinator's calls; other paths get 404. */
export function coordinatorHttpHandler(
  coordinator: CoordinatorClient,
  token: string | undefined,
): http.RequestListener {
  return connectNodeAdapter({
    routes: coordinatorRoutes(coordinator),
    interceptors: requireToken(token),
    acceptCompression: [],
    grpc: false,
    grpcWeb: false,
    ...limits,
  });
}

function workerClientOver(transport: Transport): WorkerClient {
  const client = createClient(WorkerService, transport);
  return {
    runTask: (request, signal) => call(signal, {}, (options) => client.runTask(request, options)),
    async dropQuery(queryId, signal) {
      await call(signal, { timeoutMs: quickCallMs }, (options) => client.dropQuery({ queryId }, options));
    },
    async getStatus(signal) {
      const response = await call(signal, { timeoutMs: quickCallMs }, (options) =>
        client.getStatus({}, options),
      );
      return response.status ?? create(WorkerStatusSchema);
    },
  };
}

function coordinatorClientOver(transport: Transport): CoordinatorClient {
  const client = createClient(CoordinatorService, transport);
  const quick = { timeoutMs: quickCallMs };
  return {
    register: (request, signal) => call(signal, quick, (options) => client.register(request, options)),
    heartbeat: (status, signal) =>
      call(signal, quick, (options) => client.heartbeat(create(HeartbeatRequestSchema, { status }), options)),
    async leave(workerId, signal) {
      await call(signal, quick, (options) => client.leave({ workerId }, options));
    },
  };
}

async function call<T>(
  signal: AbortSignal,
  options: CallOptions,
  send: (options: CallOptions) => Promise<T>,
): Promise<T> {
  try {
    return await send({ ...options, signal });
  } catch (error) {
    throw fromConnectError(error, signal);
  }
}

/** Connect's client offers gzip unless told otherwise, which costs more than it saves inside a cluster. */
function httpTransport(url: string, token: string | undefined): Transport {
  return createConnectTransport({
    baseUrl: url,
    httpVersion: '1.1',
    // Idle connections are closed well before the server closes them, which would fail a call on its way.
    nodeOptions: { agent: new http.Agent({ keepAlive: true, timeout: idleConnectionMs }) },
    acceptCompression: [],
    interceptors: sendToken(token),
    ...limits,
  });
}

function inProcessTransport(routes: Parameters<typeof createRouterTransport>[0]): Transport {
  return createRouterTransport(routes, {
    transport: { acceptCompression: [], ...limits },
    router: { acceptCompression: [], ...limits },
  });
}
