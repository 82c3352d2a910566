export { FragmentRuntime, type FragmentRuntimeOptions, type FragmentStream } from './fragment-runtime.ts';
export { hostId } from './host-identity.node.ts';
export { Spool, type SpoolOptions } from './spool.ts';
export { Worker, type WorkerFaults, type WorkerOptions } from './worker.ts';
