import type { CommandSpec } from '../command.ts';
import { openClient, serverUrl } from '../open-session.ts';
import { renderCluster } from '../render/cluster.ts';

export const clusterCommand: CommandSpec = {
  name: 'cluster',
  summary: "show a server's workers: their health, load and caches",
  options: ['server', 'json', 'clusterToken'],
  examples: [
    { command: 'skein cluster', does: 'of the coordinator on this machine' },
    { command: 'skein cluster --server http://HOST:8642 --json', does: 'for programs' },
    { command: 'watch -c skein cluster --color always', does: 'again and again' },
  ],
  async run(context) {
    const { config, out } = context;
    await using client = await openClient(context);
    const cluster = await client.cluster();
    await out.write(
      config.values.json
        ? `${JSON.stringify(cluster, undefined, 2)}\n`
        : renderCluster(cluster, serverUrl(config), out.style),
    );
    return 0;
  },
};
