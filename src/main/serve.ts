import './aws-sdk.ts';
import type { FastifyBaseLogger } from 'fastify';
import { SkeinError, SqlState, systemClock, systemRandom } from '../common/index.ts';
import type { MembershipLimits } from '../coordinator/index.ts';
import { coordinatorHttpHandler } from '../rpc/index.ts';
import { createRestServer } from '../server/rest/index.ts';
import { ObjectStores, type S3Options } from '../storage/index.ts';
import {
  startWorkerServer,
  type TableCacheOptions,
  type WorkerLog,
  type WorkerServer,
} from '../worker/index.ts';
import { openAll } from './closers.ts';
import { startCore } from './coordinator-core.ts';
import type { Engine, EngineOptions } from './engine.ts';
import { addInProcessWorkers, newWorkerId } from './in-process-workers.ts';
import { shareResources, spoolFolder } from './resources.ts';
import { version } from './version.ts';

export interface CoordinatorOptions extends EngineOptions {
  /** Workers in this process; default 0: others join over the network. */
  readonly workers?: number | undefined;
  /** Address to listen on; default 127.0.0.1. */
  readonly host?: string | undefined;
  /** 0: any free one. */
  readonly port: number;
  /** Shared secret of coordinator, workers and clients. */
  readonly token?: string | undefined;
  readonly membershipLimits?: Partial<MembershipLimits> | undefined;
  /** How long closing waits for running queries before it cancels them; default 0. */
  readonly drainMs?: number | undefined;
  readonly logger?: FastifyBaseLogger | undefined;
}

export interface CoordinatorServer extends Engine {
  /** http://HOST:PORT */
  readonly url: string;
}

/** Paths of the calls of workers, which share the port with REST. */
const workerCalls = '/skein.v1.CoordinatorService/';

/** Serves REST, and takes workers in, on one port. @throws SkeinError 57P03 where it cannot listen */
export async function startCoordinator(options: CoordinatorOptions): Promise<CoordinatorServer> {
  const { workers = 0, host = '127.0.0.1', port, token, logger } = options;
  const shares = shareResources(workers, options);
  const spoolDir = await spoolFolder(options.spoolDir);
  return await openAll(async (closers) => {
    const { limits, membershipLimits } = options;
    const core = await startCore({
      data: options.data,
      externalRoots: options.externalRoots ?? [],
      s3: options.s3 ?? {},
      tableCacheBytes: options.tableCache?.maxBytes,
      wrapStore: options.wrapStore,
      share: shares.coordinator,
      spoolDir,
      token,
      limits,
      membershipLimits,
    });
    closers.add(() => core.close());
    const { tableCache, faults } = options;
    const inProcess = { count: workers, share: shares.worker, spoolDir, token, tableCache, faults };
    await addInProcessWorkers(core, inProcess, closers);
    const calls = coordinatorHttpHandler(core.members, token);
    const app = await createRestServer({
      queryService: core.queryService,
      ingest: core.ingest,
      version,
      ...(token === undefined ? {} : { token }),
      ...(logger === undefined ? {} : { logger }),
      intercept: (request, response) => {
        if (request.url?.startsWith(workerCalls) !== true) return false;
        calls(request, response);
        return true;
      },
    });
    closers.add(() => app.close());
    // First of all: clients learn what becomes of their queries while they can still be told.
    closers.add(() => core.queryService.close({ graceMs: options.drainMs ?? 0 }));
    closers.add(() => core.ingest.close());
    const url = await app.listen({ host, port }).catch((cause: unknown) => {
      const problem = cause instanceof Error ? cause.message : String(cause);
      throw new SkeinError(SqlState.cannotConnectNow, `cannot listen on ${host}:${port}: ${problem}`, {
        cause,
      });
    });
    return { url, queryService: core.queryService, ingest: core.ingest, close: () => closers.close() };
  });
}

export interface WorkerProcessOptions {
  /** http://HOST:PORT of the coordinator. */
  readonly coordinator: string;
  /** Address to listen on; default 127.0.0.1. */
  readonly host?: string | undefined;
  /** 0: any free one; default 0. */
  readonly port?: number | undefined;
  /** Name or address by which others reach this worker; default: found out. */
  readonly advertiseHost?: string | undefined;
  /** Default: the cores. */
  readonly threads?: number | undefined;
  /** Default: most of the machine's. */
  readonly memoryBytes?: number | undefined;
  /** As the engine's. */
  readonly spoolDir?: string | undefined;
  /** Where `s3://` is, as the coordinator's. */
  readonly s3?: S3Options | undefined;
  /** What is kept of tables on S3. */
  readonly tableCache?: TableCacheOptions | undefined;
  readonly token?: string | undefined;
  /** How long leaving waits for running tasks. */
  readonly drainMs?: number | undefined;
  readonly log?: WorkerLog | undefined;
}

/** Serves tasks of a coordinator on another port or host, and registers with it for as long as it runs. */
export async function startWorker(options: WorkerProcessOptions): Promise<WorkerServer> {
  const { worker: share } = shareResources(1, options);
  const stores = new ObjectStores({ clock: systemClock, random: systemRandom, s3: options.s3 ?? {} });
  const server = await startWorkerServer({
    workerId: newWorkerId('worker'),
    coordinatorUrl: options.coordinator,
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
    ...share,
    spoolDir: await spoolFolder(options.spoolDir),
    token: options.token,
    clock: systemClock,
    random: systemRandom,
    stores,
    tableCache: options.tableCache,
    ...(options.advertiseHost === undefined ? {} : { advertiseHost: options.advertiseHost }),
    ...(options.drainMs === undefined ? {} : { drainMs: options.drainMs }),
    ...(options.log === undefined ? {} : { log: options.log }),
  });
  return {
    ...server,
    async close() {
      await server.close();
      await stores.close();
    },
  };
}
