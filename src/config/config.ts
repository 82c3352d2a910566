import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { nearestName, SkeinError, SqlState } from '../common/index.ts';
import {
  type OptionName,
  type OptionSpec,
  type OptionValue,
  type OptionValues,
  optionNames,
  options,
} from './options.ts';

/** The user asked for something that cannot be: a wrong flag, value, variable or configuration file. */
export class UsageError extends SkeinError {
  constructor(message: string, hint?: string, cause?: unknown) {
    super(SqlState.invalidParameterValue, message, { ...(hint !== undefined && { hint }), cause });
    this.name = 'UsageError';
  }
}

/** Where a value came from, strongest first. */
export type OptionSource =
  | { readonly kind: 'flag'; readonly flag: string }
  | { readonly kind: 'environment'; readonly variable: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'default' };

/** Flags as the command line gave them, by option: text, all texts of a repeated flag, or true for one without a value. */
export type FlagValues = Readonly<Partial<Record<OptionName, string | boolean | readonly string[]>>>;

export interface ConfigInputs {
  readonly flags: FlagValues;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where relative paths of flags and variables start. */
  readonly folder: string;
}

/** Settled options of a process: flag over environment over file over default. */
export interface Config {
  readonly values: OptionValues;
  readonly sources: { readonly [Name in OptionName]: OptionSource };
  /** Folder for everything Skein keeps. */
  readonly home: string;
  /** The configuration file, read or not. */
  readonly file: { readonly path: string; readonly exists: boolean };
  /** Variables that look like Skein's and are not. */
  readonly unknownVariables: readonly string[];
}

/**
 * Settles every option.
 * @throws UsageError naming the flag, variable or key whose value cannot be, and unknown keys of the file
 */
export function loadConfig(inputs: ConfigInputs): Config {
  const home = resolveOption('home', inputs, undefined);
  const homePath = home.value ?? join(homedir(), '.skein');
  const config = resolveOption('config', inputs, undefined);
  const path = config.value ?? join(homePath, 'config.json');
  const entries = readConfigFile(path, config.value !== undefined);
  const file = entries && { path, entries };

  const values: Partial<Record<OptionName, unknown>> = {};
  const sources: Partial<Record<OptionName, OptionSource>> = {};
  for (const name of optionNames) {
    const { value, source } = resolveOption(name, inputs, file);
    values[name] = value;
    sources[name] = source;
  }
  return {
    values: { ...values, home: homePath, config: path } as unknown as OptionValues,
    sources: sources as Config['sources'],
    home: homePath,
    file: { path, exists: entries !== undefined },
    unknownVariables: unknownVariables(inputs.env),
  };
}

interface ConfigFile {
  readonly path: string;
  readonly entries: Readonly<Record<string, unknown>>;
}

interface Resolved<Name extends OptionName> {
  readonly value: OptionValue<Name>;
  readonly source: OptionSource;
}

function resolveOption<Name extends OptionName>(
  name: Name,
  inputs: ConfigInputs,
  file: ConfigFile | undefined,
): Resolved<Name> {
  const spec = options[name] as OptionSpec<unknown> as OptionSpec<OptionValue<Name>>;
  const flag = inputs.flags[name];
  if (flag !== undefined) {
    const flagName = longFlag(spec);
    const value = naming(flagName, () => parseFlag(spec, flag, inputs.folder));
    return { value, source: { kind: 'flag', flag: flagName } };
  }
  const variable = environmentValue(spec, inputs.env);
  if (variable !== undefined) {
    const value = naming(spec.env, () => spec.kind.parse(variable, inputs.folder));
    return { value, source: { kind: 'environment', variable: spec.env } };
  }
  if (file && name in file.entries) {
    const value = naming(`"${name}" in ${file.path}`, () =>
      parseJson(spec, file.entries[name], dirname(file.path)),
    );
    return { value, source: { kind: 'file', path: file.path } };
  }
  return { value: spec.default, source: { kind: 'default' } };
}

/** `--data` of `-d, --data <dir>`. */
export function longFlag(spec: OptionSpec<unknown>): string {
  return /--[a-z0-9-]+/.exec(spec.flags)?.[0] ?? spec.flags;
}

function parseFlag<T>(spec: OptionSpec<T>, flag: string | boolean | readonly string[], folder: string): T {
  if (Array.isArray(flag)) return spec.kind.fromFlags?.(flag) ?? spec.kind.parse(flag.join(','), folder);
  return spec.kind.parse(String(flag), folder);
}

/** An empty variable is no value. Kubernetes sets SKEIN_PORT to `tcp://...` beside a service called skein. */
function environmentValue(
  spec: OptionSpec<unknown>,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const value = env[spec.env];
  return value === undefined || value === '' || /^tcp:\/\//.test(value) ? undefined : value;
}

function parseJson<T>(spec: OptionSpec<T>, value: unknown, folder: string): T {
  const structured = spec.kind.fromJson?.(value, folder);
  if (structured !== undefined) return structured;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return spec.kind.parse(String(value), folder);
  }
  throw new SkeinError(
    SqlState.invalidParameterValue,
    `expected ${spec.kind.name}, got ${JSON.stringify(value)}`,
  );
}

function naming<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new UsageError(
      `${name}: ${error instanceof Error ? error.message : String(error)}`,
      undefined,
      error,
    );
  }
}

/** Undefined where there is no file and nobody asked for one. */
function readConfigFile(path: string, required: boolean): Readonly<Record<string, unknown>> | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!required && (code === 'ENOENT' || code === 'ENOTDIR')) return undefined;
    throw new UsageError(`cannot read configuration file ${path}: ${message}`, undefined, error);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new UsageError(
      `configuration file ${path} is not JSON: ${(error as Error).message}`,
      undefined,
      error,
    );
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new UsageError(`configuration file ${path} must hold one JSON object`);
  }
  checkKeys(json, path);
  return json as Readonly<Record<string, unknown>>;
}

function checkKeys(entries: object, path: string): void {
  const allowed = optionNames.filter((name) => !options[name].locatesFile);
  for (const key of Object.keys(entries)) {
    if (allowed.some((name) => name === key)) continue;
    const nearest = nearestName(key, allowed);
    const isLocator = optionNames.some((name) => name === key);
    throw new UsageError(
      isLocator
        ? `"${key}" cannot be set in the configuration file ${path}: it says where the file is`
        : `unknown key "${key}" in configuration file ${path}`,
      nearest === undefined || isLocator ? undefined : `did you mean "${nearest}"?`,
    );
  }
}

function unknownVariables(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const known = new Set(optionNames.map((name) => options[name].env));
  return Object.keys(env)
    .filter((name) => name.startsWith('SKEIN_') && !known.has(name))
    .sort();
}
