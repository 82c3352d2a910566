import { createServer } from 'node:net';
import { SkeinError, SqlState } from '../common/index.ts';
import { type Config, UsageError } from '../config/index.ts';

/** The address to listen on. Others can reach what is not loopback: that needs a secret. */
export function listenHost({ values }: Config): string {
  const { host, clusterToken } = values;
  if (!isLoopback(host) && clusterToken === undefined) {
    throw new UsageError(
      `--host ${host} lets other machines in, so it needs --cluster-token`,
      'give coordinator, workers and clients the same secret: SKEIN_CLUSTER_TOKEN=$(openssl rand -hex 24)',
    );
  }
  return host;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** The first free port from `port` on; asks the system where none of the next few is. */
export async function freePort(host: string, port: number): Promise<number> {
  for (let candidate = port; candidate < Math.min(port + 20, 65_536); candidate++) {
    if (await canListen(host, candidate)) return candidate;
  }
  return 0;
}

function canListen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Says what a failed start meant, where it was the address. */
export function explainListenError(error: unknown, host: string, port: number): unknown {
  for (let each = error; each instanceof Error; each = each.cause) {
    const { code } = each as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      return new SkeinError(SqlState.cannotConnectNow, `port ${port} of ${host} is in use`, {
        hint: 'stop what listens there, name another by --port, or let --port 0 pick a free one',
        cause: error,
      });
    }
    if (code === 'EACCES') {
      return new SkeinError(SqlState.insufficientPrivilege, `may not listen on port ${port}`, {
        cause: error,
      });
    }
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
      return new SkeinError(SqlState.cannotConnectNow, `this machine has no address ${host}`, {
        cause: error,
      });
    }
  }
  return error;
}
