export type { QueryOptions, QueryResult, RowObject, Session } from '../client/index.ts';
export { SkeinClient } from '../client/index.ts';
export { type Engine, type EngineOptions, startEngine } from './engine.ts';
export {
  type CoordinatorOptions,
  type CoordinatorServer,
  startCoordinator,
  startWorker,
  type WorkerProcessOptions,
} from './serve.ts';
export { type EmbeddedOptions, type RemoteOptions, Skein } from './skein.ts';
