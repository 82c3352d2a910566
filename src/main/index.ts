export type { QueryOptions, QueryResult, RowObject, Session } from '../client/index.ts';
export { SkeinClient } from '../client/index.ts';
export {
  type Config,
  type ConfigInputs,
  type FlagValues,
  loadConfig,
  longFlag,
  type OptionSource,
  UsageError,
} from './config.ts';
export { type Engine, type EngineOptions, startEngine } from './engine.ts';
export type { OptionKind, Params } from './option-kind.ts';
export {
  defaultPort,
  type OptionName,
  type OptionSpec,
  type OptionValue,
  type OptionValues,
  optionNames,
  options,
} from './options.ts';
export {
  type CoordinatorOptions,
  type CoordinatorServer,
  startCoordinator,
  startWorker,
  type WorkerProcessOptions,
} from './serve.ts';
export { type EmbeddedOptions, type RemoteOptions, Skein } from './skein.ts';
