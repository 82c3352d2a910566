export {
  type ExportTarget,
  FragmentRuntime,
  type FragmentRuntimeOptions,
  type FragmentStream,
} from './fragment-runtime.ts';
export { hostId } from './host-identity.node.ts';
export type { WorkerLog } from './registration.ts';
export { bringFiles, type RemoteFiles, withLocations } from './remote-files.ts';
export { Spool, type SpoolOptions } from './spool.ts';
export { TableFiles, type TableFilesOptions } from './table-files.ts';
export { type TableCacheOptions, Worker, type WorkerFaults, type WorkerOptions } from './worker.ts';
export { startWorkerServer, type WorkerServer, type WorkerServerOptions } from './worker-server.ts';
export type { OpenStore } from './write/attempt-files.ts';
