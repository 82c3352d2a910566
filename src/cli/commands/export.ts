import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Session } from '../../client/index.ts';
import { formatCount, SkeinError, SqlState } from '../../common/index.ts';
import { UsageError } from '../../config/index.ts';
import type { CommandContext, CommandSpec } from '../command.ts';
import { openSession, usesServer } from '../open-session.ts';
import { engineOptions, warehouseOptions } from '../option-groups.ts';
import { withQuerySignal } from '../query-signal.ts';
import { ProgressBar } from '../render/progress.ts';
import { resultFormatter } from '../render/result-formatter.ts';
import { noColors } from '../render/style.ts';

type ExportFormat = 'parquet' | 'csv' | 'json' | 'jsonl';

export const exportCommand: CommandSpec = {
  name: 'export',
  arguments: '[table] [file]',
  summary: 'write a table, or the result of --sql, to a file',
  details: `The file is there when it is whole, and not before. With --data the engine writes it: Parquet, CSV or JSON lines, also
compressed (.csv.gz, .jsonl.zst), or a folder of files where the name has no extension and --format says which. With
--server the rows are streamed here, as CSV or JSON, also .gz; with --on-server the server writes the file, where it may.`,
  options: [
    ...warehouseOptions,
    'workers',
    'server',
    'sql',
    'exportFormat',
    'onServer',
    'schema',
    'set',
    'progress',
    'timeout',
    ...engineOptions,
  ],
  examples: [
    { command: 'skein export events events.parquet --data DIR', does: 'a whole table' },
    { command: 'skein export --sql "FROM events WHERE day = 1" day.csv.gz -d DIR', does: 'a query' },
    { command: 'skein export events events.jsonl --server URL', does: 'rows of a server' },
    {
      command: 'skein export events s3://bucket/events.parquet --server URL --on-server',
      does: 'where it may write',
    },
  ],
  async run(context) {
    const { sql, onServer } = context.config.values;
    const [first, second] = context.args;
    const table = sql === undefined ? first : undefined;
    const file = sql === undefined ? second : first;
    if (file === undefined || (sql !== undefined && second !== undefined)) {
      throw new UsageError(
        'name what to export and a file: skein export t t.parquet, or skein export --sql SQL t.parquet',
      );
    }
    const query = sql ?? `FROM ${table}`;
    context.setSql(query);
    await withQuerySignal(context, async (signal) => {
      const isEmbedded = !usesServer(context.config);
      const isHere = isEmbedded && !onServer && !/^[a-z0-9]+:\/\//.test(file);
      const place = isHere ? resolve(file) : file;
      if (isHere) await mkdir(dirname(place), { recursive: true });
      await using session = await openSession(context, isHere ? [dirname(place)] : []);
      const rows =
        isEmbedded || onServer
          ? await copy(session, query, place, context, signal)
          : await stream(session, query, resolve(file), context, signal);
      await context.out.write(`wrote ${formatCount(rows)} rows to ${file}\n`);
    });
    return 0;
  },
};

/** The engine writes the file. */
async function copy(
  session: Session,
  query: string,
  file: string,
  { config, err }: CommandContext,
  signal: AbortSignal,
): Promise<number> {
  const { exportFormat: format, schema, set, progress } = config.values;
  const isArray = format === 'json' || (format === undefined && /\.json(\.(gz|zst))?$/i.test(file));
  const options = [
    ...(format === undefined ? [] : [`FORMAT ${format === 'jsonl' ? 'json' : format}`]),
    ...(isArray ? ['ARRAY true'] : []),
  ];
  const target = `'${file.replaceAll("'", "''")}'`;
  const sql = `COPY (${query}\n) TO ${target}${options.length === 0 ? '' : ` (${options.join(', ')})`}`;
  const result = session.query(sql, { schema: schema ?? 'main', settings: set, signal });
  const bar = new ProgressBar(err, async () =>
    (await session.queries({ state: 'running' })).find((info) => info.sql === sql),
  );
  if (progress === 'auto' && err.isTerminal) bar.start();
  try {
    const [[count] = []] = await result.rows({ as: 'arrays' });
    return Number(count);
  } finally {
    await bar.stop();
  }
}

/** The rows come here, and this process writes them. */
async function stream(
  session: Session,
  query: string,
  file: string,
  { config }: CommandContext,
  signal: AbortSignal,
): Promise<number> {
  const { exportFormat, schema, set } = config.values;
  const [, name = file, compression] = /^(.*?)(?:\.(gz|zst))?$/i.exec(file) ?? [];
  const format = exportFormat ?? formatOf(name);
  if (compression?.toLowerCase() === 'zst') {
    throw new SkeinError(
      SqlState.featureNotSupported,
      'rows of a server cannot be compressed here with zstd',
      {
        hint: 'Export to .gz, or let the server write the file: --on-server.',
      },
    );
  }
  if (format === 'parquet') {
    throw new SkeinError(SqlState.featureNotSupported, 'rows of a server cannot be written here as Parquet', {
      hint: 'Export CSV or JSON, or let the server write the file: --on-server.',
    });
  }
  const formatter = resultFormatter(format, { width: undefined, maxRows: undefined, style: noColors });
  const partial = `${file}.partial-${process.pid}`;
  let rows = 0;
  async function* text(): AsyncGenerator<string> {
    const result = session.query(query, { schema: schema ?? 'main', settings: set, signal });
    yield formatter.begin(await result.columns());
    for await (const batch of result) {
      rows += batch.rowCount;
      yield formatter.batch(batch);
    }
    yield formatter.end();
  }
  try {
    const written = createWriteStream(partial, { flush: true });
    if (compression === undefined) await pipeline(text, written);
    else await pipeline(text, createGzip(), written);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  await rename(partial, file);
  return rows;
}

function formatOf(file: string): ExportFormat {
  const extension = /\.([a-z]+)$/i.exec(file)?.[1]?.toLowerCase();
  switch (extension) {
    case 'csv':
    case 'json':
    case 'jsonl':
    case 'parquet':
      return extension;
    case 'ndjson':
      return 'jsonl';
    default:
      throw new UsageError(
        `the format of ${file} is not known by its name`,
        'say it: --format csv, json or jsonl',
      );
  }
}
