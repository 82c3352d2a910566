import type { CommandSpec } from '../command.ts';
import { engineOptions, warehouseOptions } from '../option-groups.ts';
import { serveCoordinator } from '../serve-coordinator.ts';

export const startCommand: CommandSpec = {
  name: 'start',
  summary: 'serve a folder of files: a coordinator and its workers in one process',
  details: `Every Parquet, CSV or JSON file in the folder, and every sub-folder of such files, is a table of that name. Clients use
REST (POST /query, GET /openapi.json), skein query --server, or the Node client. More workers may join: skein worker.`,
  options: [
    ...warehouseOptions,
    'tableCache',
    'tableCacheSize',
    'workers',
    'port',
    'host',
    ...engineOptions,
    'drainTimeout',
  ],
  examples: [
    { command: 'skein start --data DIR', does: 'on 127.0.0.1, one worker with all cores' },
    { command: 'skein start -d DIR -w 4 -p 9000', does: 'four workers, another port' },
    { command: 'skein start -d DIR --host 0.0.0.0 --cluster-token SECRET', does: 'for other machines' },
  ],
  run: (context) => serveCoordinator(context, context.config.values.workers),
};
