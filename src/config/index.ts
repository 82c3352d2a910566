export {
  type Config,
  type ConfigInputs,
  type FlagValues,
  loadConfig,
  longFlag,
  type OptionSource,
  UsageError,
} from './config.ts';
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
