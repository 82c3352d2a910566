import type { CommandSpec } from '../command.ts';
import { engineOptions, warehouseOptions } from '../option-groups.ts';
import { serveCoordinator } from '../serve-coordinator.ts';

export const coordinatorCommand: CommandSpec = {
  name: 'coordinator',
  summary: 'serve a folder of files with the workers that join over the network',
  details: `Workers read the tables' files themselves: the folder must have the same path on every machine. They may join and leave
at any time.`,
  options: [...warehouseOptions, 'tableCacheSize', 'port', 'host', ...engineOptions, 'drainTimeout'],
  examples: [
    { command: 'skein coordinator --data DIR', does: 'on 127.0.0.1' },
    {
      command: 'skein worker --coordinator http://127.0.0.1:8642',
      does: 'then, in as many terminals as wanted',
    },
    { command: 'skein coordinator -d DIR --host 0.0.0.0 --cluster-token SECRET', does: 'for other machines' },
  ],
  run: (context) => serveCoordinator(context, 0),
};
