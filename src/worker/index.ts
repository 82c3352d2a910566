export type { DeletionVectors, DeltaFilesOptions, RemoteFile, RemoteFiles } from './delta/index.ts';
export { FragmentRuntime, type FragmentRuntimeOptions, type FragmentStream } from './fragment-runtime.ts';
export { hostId } from './host-identity.node.ts';
export type { WorkerLog } from './registration.ts';
export { Spool, type SpoolOptions } from './spool.ts';
export { Worker, type WorkerFaults, type WorkerOptions } from './worker.ts';
export { startWorkerServer, type WorkerServer, type WorkerServerOptions } from './worker-server.ts';
