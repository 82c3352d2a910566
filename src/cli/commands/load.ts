import { formatCount } from '../../common/index.ts';
import { UsageError } from '../../config/index.ts';
import type { CommandSpec } from '../command.ts';
import { openSession } from '../open-session.ts';
import { engineOptions, warehouseOptions } from '../option-groups.ts';
import { withQuerySignal } from '../query-signal.ts';
import { ProgressBar } from '../render/progress.ts';

export const loadCommand: CommandSpec = {
  name: 'load',
  arguments: '<table> <files...>',
  summary: 'load files into a table',
  details: `Parquet, CSV and JSON files, also compressed (.gz, .zst). Columns go by their names where the files have names, else in
order. All files become one commit; with --server each file is sent, and is a commit of its own. With --on-server the
server reads the files where it may: below its data folder, or in its external roots; patterns and s3:// work there.

With --idempotency-key a load that is run again, after a failure that left its outcome open or by mistake, adds nothing.`,
  options: [
    ...warehouseOptions,
    'workers',
    'server',
    'loadFormat',
    'loadOption',
    'create',
    'idempotencyKey',
    'onServer',
    'schema',
    'progress',
    'timeout',
    ...engineOptions,
  ],
  examples: [
    { command: 'skein load events *.parquet --data DIR --create', does: 'makes the table' },
    { command: 'skein load people people.csv -d DIR --option "delim=;"', does: 'as COPY FROM reads it' },
    {
      command: 'skein load events day.jsonl.gz --server URL --idempotency-key 2024-05-01',
      does: 'once, however often it is run',
    },
    {
      command: 'skein load t "s3://bucket/in/*.parquet" --server URL --on-server',
      does: 'files of the server',
    },
  ],
  async run(context) {
    const { config, err, out } = context;
    const { loadFormat, loadOption, create, idempotencyKey, onServer, schema, progress } = config.values;
    const [table, ...files] = context.args;
    if (table === undefined || files.length === 0)
      throw new UsageError('name a table and files: skein load t a.csv');
    const started = performance.now();
    await withQuerySignal(context, async (signal) => {
      await using session = await openSession(context);
      let handedOver = 0;
      const bar = new ProgressBar(err, async () => {
        const running = await session.queries({ state: 'running' });
        const query = running.find(({ sql }) => sql.startsWith(`LOAD ${table} FROM `));
        if (query !== undefined) return query;
        return { what: 'reading the files', fraction: handedOver, elapsedMs: performance.now() - started };
      });
      if (progress === 'auto' && err.isTerminal) bar.start();
      try {
        const loads = await session.load(table, files, {
          options: loadOption,
          create,
          onServer,
          schema: schema ?? 'main',
          onProgress: (fraction) => {
            handedOver = fraction;
          },
          signal,
          ...(loadFormat === undefined ? {} : { format: loadFormat }),
          ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
        });
        await bar.stop();
        for (const { rows, table: name, version, duplicate } of loads) {
          const what = duplicate ? 'loaded before' : 'loaded';
          const at = version === undefined ? '' : `, version ${version}`;
          await out.write(
            `${what}: ${rows === undefined ? '?' : formatCount(rows)} rows into ${name}${at}\n`,
          );
        }
      } finally {
        await bar.stop();
      }
    });
    return 0;
  },
};
