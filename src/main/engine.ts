import type { IngestService, QueryLimits, QueryService } from '../coordinator/index.ts';
import type { ObjectStore, S3Options } from '../storage/index.ts';
import type { TableCacheOptions, WorkerFaults } from '../worker/index.ts';
import { openAll } from './closers.ts';
import { startCore } from './coordinator-core.ts';
import { addInProcessWorkers } from './in-process-workers.ts';
import { shareResources, spoolFolder } from './resources.ts';

export interface EngineOptions {
  /**
   * Folder whose Parquet, CSV and JSON files, sub-folders of such files, and Delta tables are the tables; or
   * `s3://bucket/prefix` with such files and folders.
   */
  readonly data: string;
  /** Locations besides `data` that statements may read and write. */
  readonly externalRoots?: readonly string[] | undefined;
  /** Where `s3://` is; default: AWS, as the environment says. */
  readonly s3?: S3Options | undefined;
  /** What each worker, and the coordinator, keeps of tables on S3. */
  readonly tableCache?: TableCacheOptions | undefined;
  /** Workers in this process; default 1. */
  readonly workers?: number | undefined;
  /** Of each worker; default: the cores, shared evenly. */
  readonly threads?: number | undefined;
  /** Of each worker, and of the coordinator; default: most of the machine's, shared evenly. */
  readonly memoryBytes?: number | undefined;
  /** Folder for exchanged and spilled data; default: `spool` in SKEIN_HOME, or one in the system's temporary folder. */
  readonly spoolDir?: string | undefined;
  readonly limits?: Partial<QueryLimits> | undefined;
  /** For tests: stands between every store and its users. */
  readonly wrapStore?: ((store: ObjectStore) => ObjectStore) | undefined;
  /** For tests: makes tasks of a worker, counted from 0, fail or wait. */
  readonly faults?: ((worker: number) => WorkerFaults) | undefined;
}

/** A coordinator and its workers in one process, without a door. */
export interface Engine {
  readonly queryService: QueryService;
  readonly ingest: IngestService;
  /** Cancels what runs, stops the workers and deletes the scratch files. Nothing keeps the process alive then. */
  close(): Promise<void>;
}

/** @throws SkeinError 58P01 where the data folder is none; 58030 where the spool folder cannot be written */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const workers = options.workers ?? 1;
  const shares = shareResources(workers, options);
  const spoolDir = await spoolFolder(options.spoolDir);
  return await openAll(async (closers) => {
    const core = await startCore({
      data: options.data,
      externalRoots: options.externalRoots ?? [],
      s3: options.s3 ?? {},
      tableCacheBytes: options.tableCache?.maxBytes,
      wrapStore: options.wrapStore,
      share: shares.coordinator,
      spoolDir,
      token: undefined,
      limits: options.limits,
      membershipLimits: undefined,
    });
    closers.add(() => core.close());
    const inProcess = {
      count: workers,
      share: shares.worker,
      spoolDir,
      token: undefined,
      tableCache: options.tableCache,
      faults: options.faults,
    };
    await addInProcessWorkers(core, inProcess, closers);
    // Queries go first, while their workers can still be told to stop.
    closers.add(() => core.queryService.close());
    closers.add(() => core.ingest.close());
    return { queryService: core.queryService, ingest: core.ingest, close: () => closers.close() };
  });
}
