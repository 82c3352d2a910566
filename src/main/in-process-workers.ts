import { create } from '@bufbuild/protobuf';
import { systemClock, systemRandom, type WorkerId, workerId } from '../common/index.ts';
import { DuckDb } from '../duckdb/index.ts';
import { createInProcessWorkerClient, protocolVersion, RegisterRequestSchema } from '../rpc/index.ts';
import { hostId, type TableCacheOptions, Worker, type WorkerFaults } from '../worker/index.ts';
import type { Closers } from './closers.ts';
import type { CoordinatorCore } from './coordinator-core.ts';
import type { Share } from './resources.ts';

export interface InProcessWorkersOptions {
  readonly count: number;
  readonly share: Share;
  readonly spoolDir: string;
  readonly token: string | undefined;
  readonly tableCache: TableCacheOptions | undefined;
  /** For tests: makes tasks of a worker, counted from 0, fail or wait. */
  readonly faults: ((worker: number) => WorkerFaults) | undefined;
}

/** Starts workers in this process and makes them members; they are taken away again when `closers` close. */
export async function addInProcessWorkers(
  core: CoordinatorCore,
  options: InProcessWorkersOptions,
  closers: Closers,
): Promise<void> {
  const started = await Promise.allSettled(
    Array.from({ length: options.count }, (_, index) => startWorker(core, options, index)),
  );
  for (const result of started) {
    if (result.status === 'fulfilled') closers.add(() => result.value.close());
  }
  for (const result of started) if (result.status === 'rejected') throw result.reason;
  for (const result of started) {
    if (result.status === 'fulfilled') closers.add(join(core, result.value, options));
  }
}

function startWorker(
  core: CoordinatorCore,
  { share, spoolDir, token, tableCache, faults }: InProcessWorkersOptions,
  index: number,
): Promise<Worker> {
  return Worker.start({
    workerId: newWorkerId(`w${index + 1}`),
    spoolDir,
    ...share,
    readRoots: [...core.dataRoots, core.scratchDir],
    stores: core.stores,
    tableCache,
    token,
    clock: systemClock,
    random: systemRandom,
    ...(faults === undefined ? {} : { faults: faults(index) }),
  });
}

/** @returns takes the worker away */
function join(core: CoordinatorCore, worker: Worker, { share }: InProcessWorkersOptions): () => void {
  const registration = create(RegisterRequestSchema, {
    workerId: worker.id,
    hostId: hostId(),
    threads: share.threads,
    memoryBytes: BigInt(share.memoryBytes),
    duckdbVersion: DuckDb.version(),
    protocolVersion,
    pid: process.pid,
  });
  return core.members.addInProcess(registration, createInProcessWorkerClient(worker));
}

/** Unique in time and space, and short enough to read. */
export function newWorkerId(name: string): WorkerId {
  return workerId(`${name}-${systemRandom.token(6)}`);
}
