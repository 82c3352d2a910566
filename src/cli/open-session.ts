import type { Session } from '../client/index.ts';
import { type Config, defaultPort, type OptionSource, UsageError } from '../config/index.ts';
import type { CommandContext } from './command.ts';
import { spoolFolder, storeOptions, warehouse } from './folders.ts';

// Engine and client are loaded when they are needed: help and completion must not wait for them.

/** --server, by default the coordinator on this machine. */
export function serverUrl({ values }: Config): string {
  return values.server ?? `http://127.0.0.1:${defaultPort}`;
}

/** A client of --server. */
export async function openClient({ config }: Pick<CommandContext, 'config'>): Promise<Session> {
  const { SkeinClient } = await import('../client/index.ts');
  const { clusterToken } = config.values;
  return new SkeinClient({
    server: serverUrl(config),
    ...(clusterToken !== undefined && { token: clusterToken }),
  });
}

/**
 * The engine that a query runs on: one in this process over --data, or --server. The stronger source decides.
 * @param alsoRoots locations that the command line itself names, for an engine in this process
 */
export async function openSession(
  context: CommandContext,
  alsoRoots: readonly string[] = [],
): Promise<Session> {
  const { config } = context;
  const { data } = config.values;
  if (usesServer(config)) return await openClient(context);
  if (data === undefined) {
    throw new UsageError(
      'nothing to query',
      'name a folder of files (--data DIR) or a running server (--server URL)',
    );
  }
  return await openEmbedded(config, alsoRoots);
}

/** Whether a query runs on --server, and not in this process. @throws UsageError where that is not clear */
export function usesServer(config: Config): boolean {
  const { data, server } = config.values;
  return server !== undefined && (data === undefined || isServerStronger(config));
}

async function openEmbedded(config: Config, alsoRoots: readonly string[]): Promise<Session> {
  const { workers, threads, memory } = config.values;
  const data = await warehouse(config);
  const stores = storeOptions(config);
  const { Skein } = await import('../main/index.ts');
  return await Skein.open({
    data,
    ...stores,
    externalRoots: [...stores.externalRoots, ...alsoRoots],
    workers,
    spool: spoolFolder(config),
    ...(threads !== undefined && { threads }),
    ...(memory !== undefined && { memory }),
  });
}

const strength: Readonly<Record<OptionSource['kind'], number>> = {
  flag: 3,
  environment: 2,
  file: 1,
  default: 0,
};

function isServerStronger({ sources }: Config): boolean {
  const difference = strength[sources.server.kind] - strength[sources.data.kind];
  if (difference === 0) throw new UsageError('a query runs on --data or on --server, not on both');
  return difference > 0;
}
