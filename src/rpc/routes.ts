import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import { SkeinError, SqlState } from '../common/index.ts';
import { toConnectError } from './errors.ts';
import {
  CoordinatorService,
  type HeartbeatResponse,
  type RegisterRequest,
  type RegisterResponse,
  type RunTaskRequest,
  type RunTaskResponse,
  WorkerService,
  type WorkerStatus,
} from './gen/skein/v1/cluster_pb.ts';

/** Version of proto/skein/v1, raised whenever nodes of different versions would misunderstand each other. */
export const protocolVersion = 2;

/** What a worker does for its coordinator, wherever it runs. Every error is a SkeinError. */
export interface WorkerClient {
  /** Runs one attempt to its end; aborting interrupts it. */
  runTask(request: RunTaskRequest, signal: AbortSignal): Promise<RunTaskResponse>;
  /** Stops the query's attempts and deletes its spool. Idempotent. */
  dropQuery(queryId: string, signal: AbortSignal): Promise<void>;
  getStatus(signal: AbortSignal): Promise<WorkerStatus>;
}

/** What a coordinator does for its workers. */
export interface CoordinatorClient {
  register(request: RegisterRequest, signal: AbortSignal): Promise<RegisterResponse>;
  heartbeat(status: WorkerStatus, signal: AbortSignal): Promise<HeartbeatResponse>;
  leave(workerId: string, signal: AbortSignal): Promise<void>;
}

/** Serves a worker's calls; errors leave as typed fields. */
export function workerRoutes(worker: WorkerClient): (router: ConnectRouter) => void {
  return (router) =>
    router.service(WorkerService, {
      runTask: (request, context) => typed(context, (signal) => worker.runTask(request, signal)),
      dropQuery: (request, context) =>
        typed(context, async (signal) => {
          await worker.dropQuery(request.queryId, signal);
          return {};
        }),
      getStatus: (_request, context) =>
        typed(context, async (signal) => ({ status: await worker.getStatus(signal) })),
    });
}

/** Serves a coordinator's calls; errors leave as typed fields. */
export function coordinatorRoutes(coordinator: CoordinatorClient): (router: ConnectRouter) => void {
  return (router) =>
    router.service(CoordinatorService, {
      register: (request, context) => typed(context, (signal) => coordinator.register(request, signal)),
      heartbeat: (request, context) =>
        typed(context, (signal) => {
          if (request.status === undefined) throw malformed('Heartbeat without a status');
          return coordinator.heartbeat(request.status, signal);
        }),
      leave: (request, context) =>
        typed(context, async (signal) => {
          await coordinator.leave(request.workerId, signal);
          return {};
        }),
    });
}

/** The error of a message that our own code cannot have sent. */
export function malformed(what: string): SkeinError {
  return new SkeinError(SqlState.internalError, `malformed message: ${what}`);
}

async function typed<T>(context: HandlerContext, handle: (signal: AbortSignal) => Promise<T>): Promise<T> {
  try {
    return await handle(context.signal);
  } catch (error) {
    throw toConnectError(error);
  }
}
