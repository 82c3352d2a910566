import type { Session } from '../../client/index.ts';
import { Skein, startCoordinator } from '../../main/index.ts';
import { WorkerProcesses } from '../worker-processes.ts';
import type { Row } from './compare-rows.ts';
import type { BenchEngine } from './measure.ts';

export interface SkeinEngineOptions {
  readonly folder: string;
  readonly workers: number;
  /** Of each worker. */
  readonly threads: number;
  /** Of each worker. */
  readonly memoryBytes: number;
  readonly spool: string;
  /** Session settings of every query. */
  readonly settings: Readonly<Record<string, string>>;
}

/** Skein with its workers in this process. */
export async function openEmbedded(options: SkeinEngineOptions): Promise<BenchEngine> {
  const { folder, workers, threads, memoryBytes, spool, settings } = options;
  const session = await Skein.open({ data: folder, workers, threads, memory: memoryBytes, spool });
  return {
    name: workers === 1 ? '1 worker' : `${workers} workers`,
    kind: 'embedded',
    workers,
    run: (sql, signal) => readAll(session, sql, settings, signal),
    close: () => session.close(),
  };
}

/** Skein with worker processes over the network; a coordinator in this process, asked over REST. */
export async function openProcesses(
  options: SkeinEngineOptions & { readonly home: string; readonly signal: AbortSignal },
): Promise<BenchEngine> {
  const { folder, workers, threads, memoryBytes, spool, settings, home, signal } = options;
  const coordinator = await startCoordinator({ data: folder, port: 0, memoryBytes, spoolDir: spool });
  try {
    const processes = await WorkerProcesses.start(
      { count: workers, coordinator: coordinator.url, home, spool, threads, memoryBytes, token: undefined },
      () => coordinator.queryService.cluster(),
      signal,
    );
    const session = await Skein.open({ server: coordinator.url });
    return {
      name: workers === 1 ? '1 process' : `${workers} processes`,
      kind: 'processes',
      workers,
      run: (sql, abort) => readAll(session, sql, settings, abort),
      async close() {
        await session.close();
        await processes[Symbol.asyncDispose]();
        await coordinator.close();
      },
    };
  } catch (error) {
    await coordinator.close();
    throw error;
  }
}

async function readAll(
  session: Session,
  sql: string,
  settings: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<readonly Row[]> {
  return await session.query(sql, { settings, signal }).rows({ as: 'arrays' });
}
