import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';

/**
 * moto's S3 server, a request at a time: it looks whether an object exists and then writes it, with nothing between to
 * stop another thread, so that its own threads could let two conditional writes win.
 */
const script = `
import sys
from werkzeug.serving import run_simple
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
run_simple('127.0.0.1', int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=False)
`;

export interface MotoServer {
  readonly endpoint: string;
  readonly bucket: string;
  close(): Promise<void>;
}

/** Why there is no such server on this machine; undefined where there is. */
export function motoMissing(): string | undefined {
  const found = spawnSync('python3', ['-c', 'import moto.server, flask_cors'], { stdio: 'ignore' });
  return found.status === 0 ? undefined : "Python's moto is not installed (pip install 'moto[server]')";
}

/** Starts a real S3 server process with one empty bucket. */
export async function startMoto(): Promise<MotoServer> {
  const port = await freePort();
  const child = spawn('python3', ['-c', script, String(port)], { stdio: 'ignore' });
  const endpoint = `http://127.0.0.1:${port}`;
  await reach(child, endpoint);
  const bucket = 'skein-test';
  // Through SigV4's header in name only: moto does not check it.
  const created = await fetch(`${endpoint}/${bucket}`, {
    method: 'PUT',
    headers: {
      authorization:
        'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0',
    },
  });
  if (!created.ok) throw new Error(`moto made no bucket: ${created.status}`);
  return {
    endpoint,
    bucket,
    close: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill('SIGKILL');
      }),
  };
}

async function reach(child: ChildProcess, endpoint: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (child.exitCode !== null) throw new Error(`moto ended with ${child.exitCode}`);
    const response = await fetch(`${endpoint}/moto-api/`).catch(() => undefined);
    if (response !== undefined) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  child.kill('SIGKILL');
  throw new Error('moto does not answer');
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
