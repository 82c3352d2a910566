import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SkeinError, SqlState } from '../common/index.ts';
import type { ClusterInfo, WorkerInfo } from '../coordinator/index.ts';

export interface WorkerProcessOptions {
  readonly count: number;
  /** http://HOST:PORT */
  readonly coordinator: string;
  readonly home: string;
  readonly spool: string;
  readonly threads: number;
  readonly memoryBytes: number;
  readonly token: string | undefined;
}

/** How long workers get to register, and to leave. */
const startTimeoutMs = 30_000;
const stopTimeoutMs = 5000;
const pollMs = 30;

/** `skein worker` processes of this machine. They end with this process, however it ends. */
export class WorkerProcesses implements AsyncDisposable {
  readonly #children: readonly ChildProcess[];
  readonly #errors: string[] = [];
  #failed: SkeinError | undefined;
  #stopping = false;

  private constructor(children: readonly ChildProcess[]) {
    this.#children = children;
    for (const child of children) {
      child.stderr?.on('data', (text: Buffer) => this.#errors.push(text.toString('utf8')));
      child.once('exit', () => {
        if (this.#stopping) return;
        const text = this.#errors
          .join('')
          .trim()
          .replace(/^error ?\w*: /, '');
        this.#failed ??= new SkeinError(
          SqlState.cannotConnectNow,
          `a worker process ended: ${text.slice(-2000)}`,
        );
      });
    }
  }

  /**
   * Starts the processes and waits until the coordinator knows them.
   * @param cluster asks the coordinator
   * @throws SkeinError with what a process said when it could not start
   */
  static async start(
    options: WorkerProcessOptions,
    cluster: () => Promise<ClusterInfo>,
    signal: AbortSignal,
  ): Promise<WorkerProcesses> {
    const processes = new WorkerProcesses(Array.from({ length: options.count }, () => forkWorker(options)));
    try {
      await processes.#waitUntilKnown(cluster, signal);
      return processes;
    } catch (error) {
      await processes[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Ids of the processes, in no order that matters. */
  get pids(): readonly number[] {
    return this.#children.flatMap((child) => child.pid ?? []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#children.map(stop));
  }

  async #waitUntilKnown(cluster: () => Promise<ClusterInfo>, signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + startTimeoutMs;
    while (alive((await cluster()).workers) < this.#children.length) {
      if (this.#failed !== undefined) throw this.#failed;
      if (performance.now() > deadline) {
        throw new SkeinError(SqlState.cannotConnectNow, 'the worker processes did not register in time');
      }
      await delay(pollMs, undefined, { signal });
    }
  }
}

function alive(workers: readonly WorkerInfo[]): number {
  return workers.filter(({ state }) => state === 'alive').length;
}

function forkWorker(options: WorkerProcessOptions): ChildProcess {
  const args = [
    ['--coordinator', options.coordinator],
    ['--home', options.home],
    ['--spool', options.spool],
    ['--threads', `${options.threads}`],
    ['--memory', `${options.memoryBytes}`],
    ['--host', '127.0.0.1'],
    ['--port', '0'],
  ].flat();
  const env = { ...process.env, ...(options.token !== undefined && { SKEIN_CLUSTER_TOKEN: options.token }) };
  // In a process group of its own, so that Ctrl-C reaches this process alone, which then ends it in order.
  return fork(fileURLToPath(new URL('./skein.cjs', import.meta.url)), ['worker', ...args], {
    env,
    detached: true,
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  await exited;
  clearTimeout(timer);
}
