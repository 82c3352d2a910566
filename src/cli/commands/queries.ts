import type { CommandSpec } from '../command.ts';
import { openClient } from '../open-session.ts';
import { renderQueries } from '../render/queries.ts';

export const queriesCommand: CommandSpec = {
  name: 'queries',
  summary: "list a server's running and recent queries, newest first",
  options: ['server', 'json', 'clusterToken'],
  examples: [
    { command: 'skein queries', does: 'on the coordinator on this machine' },
    { command: 'skein queries --server http://HOST:8642 --json', does: 'for programs' },
  ],
  async run(context) {
    const { config, out } = context;
    await using client = await openClient(context);
    const queries = await client.queries();
    await out.write(
      config.values.json
        ? `${JSON.stringify(queries, undefined, 2)}\n`
        : renderQueries(queries, out.width(), out.style),
    );
    return 0;
  },
};
