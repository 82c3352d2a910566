import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, UsageError } from '../config/index.ts';

/** The folder of --data, which must be there. */
export async function dataFolder({ values, sources }: Config): Promise<string> {
  const { data } = values;
  if (data === undefined) {
    throw new UsageError('no data folder', 'name one: --data DIR, where every file or sub-folder is a table');
  }
  const entry = await stat(data).catch(() => undefined);
  const from = sources.data.kind === 'flag' ? '--data' : 'data';
  if (entry === undefined) throw new UsageError(`${from}: there is no folder ${data}`);
  if (!entry.isDirectory()) {
    throw new UsageError(
      `${from}: ${data} is a file`,
      'name the folder it lies in; the file is a table of its own name there',
    );
  }
  return data;
}

/** Where the tables of --data are: a folder, which must be there, or a place on S3. */
export async function warehouse(config: Config): Promise<string> {
  const { data } = config.values;
  return data?.startsWith('s3://') === true ? data : await dataFolder(config);
}

interface S3Settings {
  readonly endpoint?: string;
  readonly region?: string;
  readonly forcePathStyle?: boolean;
}

interface TableCacheSettings {
  readonly folder?: string;
  readonly maxBytes: number;
}

/** What the engine is told of stores. */
export function storeOptions(config: Config): {
  readonly externalRoots: readonly string[];
  readonly s3: S3Settings;
  readonly tableCache: TableCacheSettings;
} {
  const { externalRoots } = config.values;
  return { externalRoots, s3: s3Options(config), tableCache: tableCache(config) };
}

export function s3Options({ values }: Config): S3Settings {
  const { s3Endpoint, s3Region, s3PathStyle } = values;
  return {
    ...(s3Endpoint !== undefined && { endpoint: s3Endpoint }),
    ...(s3Region !== undefined && { region: s3Region }),
    ...(s3PathStyle && { forcePathStyle: true }),
  };
}

/** Of each worker, for parts of remote files. */
export function tableCache({ values }: Config): TableCacheSettings {
  const { tableCache: folder, tableCacheSize: maxBytes } = values;
  return { maxBytes, ...(folder !== undefined && { folder }) };
}

/** Where exchanged and spilled data goes. */
export function spoolFolder({ values, home }: Config): string {
  return values.spool ?? join(home, 'spool');
}
