import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { type Catalog, type CatalogSnapshot, WarehouseCatalog } from '../../src/catalog/index.ts';
import { systemClock, systemRandom, workerId } from '../../src/common/index.ts';
import {
  createQueryService,
  Membership,
  type QueryLimits,
  type QueryService,
} from '../../src/coordinator/index.ts';
import { DuckDb, DuckDbParquetRows, inspectFiles, ShadowCatalog } from '../../src/duckdb/index.ts';
import { ExchangeReader } from '../../src/exchange/index.ts';
import { createInProcessWorkerClient, protocolVersion, RegisterRequestSchema } from '../../src/rpc/index.ts';
import { DeltaLog, type ObjectStore, ObjectStores } from '../../src/storage/index.ts';
import { quoteLiteral, type SqlValue } from '../../src/types/index.ts';
import { DeltaFiles } from '../../src/worker/delta/index.ts';
import { FragmentRuntime, hostId, Spool, Worker, type WorkerFaults } from '../../src/worker/index.ts';
import { ScanFiles } from '../../src/worker/scan-files.ts';

export interface TestEngineOptions {
  readonly dataDir: string;
  readonly workers: number;
  /** Default: the files of `dataDir`. */
  readonly catalog?: (files: Catalog) => Catalog;
  readonly limits?: Partial<QueryLimits>;
  /** By worker: w0, w1 ... */
  readonly faults?: (worker: string) => WorkerFaults;
  readonly openStore?: (location: string) => ObjectStore;
  /** What a worker says that it has, by its name. Default: 1 thread. */
  readonly threads?: (worker: string) => number;
}

/** A coordinator and workers in this process, put together by hand. */
export interface TestEngine {
  readonly service: QueryService;
  readonly catalog: Catalog;
  readonly members: Membership;
  readonly workers: readonly Worker[];
  /** Folder under which every node of the engine has its spool. */
  readonly spoolDir: string;
  snapshot(): Promise<CatalogSnapshot>;
  /** Takes a worker away as if its process had died: its files go too. */
  kill(index: number): Promise<void>;
  /** Adds one. @returns its index */
  addWorker(): Promise<number>;
  rows(sql: string, settings?: Readonly<Record<string, string>>): Promise<readonly (readonly SqlValue[])[]>;
  close(): Promise<void>;
}

const gigabyte = 1024 ** 3;

export async function startTestEngine(options: TestEngineOptions): Promise<TestEngine> {
  const dataDir = resolve(options.dataDir);
  const spoolDir = await mkdtemp(join(tmpdir(), 'skein-engine-'));
  const common = { clock: systemClock, random: systemRandom };
  const spool = await Spool.open({ dir: spoolDir, ...common });
  const duckdb = await DuckDb.open({
    threads: 2,
    memoryBytes: gigabyte,
    tempDirectory: spool.spillDir,
    readRoots: [dataDir],
    writeRoots: [spool.root],
  });
  const reader = new ExchangeReader({
    dir: spool.inputDir,
    ownRoot: spool.root,
    hostId: hostId(),
    cacheBytes: gigabyte,
    token: undefined,
    clock: systemClock,
  });
  const self = { workerId: workerId('coordinator'), url: '', hostId: hostId() };
  const stores = new ObjectStores(common);
  const openStore = options.openStore ?? ((location: string) => stores.open(location));
  const deltaFiles = new DeltaFiles({ stores });
  const runtime = new FragmentRuntime({
    duckdb,
    spool,
    reader,
    clock: systemClock,
    self,
    scanFiles: new ScanFiles(),
    deltaFiles,
    openStore,
  });
  const parquet = new DuckDbParquetRows({
    duckDb: duckdb,
    scratchFolder: join(spool.root, 'checkpoints'),
    random: systemRandom,
  });
  const files = new WarehouseCatalog({
    store: stores.open(dataDir),
    openStore: (location) => stores.open(location),
    openLog: (store, checkPlace) => new DeltaLog({ store, parquet, checkPlace }),
    inspect: async (kind, files, keys, signal, given) => {
      await using connection = await duckdb.connect();
      return await inspectFiles(connection, kind, files, keys, signal, given);
    },
    externalRoots: [],
    ...common,
  });
  const catalog = options.catalog?.(files) ?? files;
  const members = new Membership({
    clock: systemClock,
    duckdbVersion: DuckDb.version(),
    dataRoots: catalog.roots,
    connect: () => {
      throw new Error('workers of other processes are not for this engine');
    },
  });
  const workers: Worker[] = [];
  const stops: (() => void)[] = [];
  const addWorker = async (): Promise<number> => {
    const id = `w${workers.length}`;
    const faults = options.faults?.(id);
    const worker = await Worker.start({
      workerId: workerId(id),
      spoolDir,
      threads: 1,
      memoryBytes: gigabyte,
      readRoots: catalog.roots,
      ...common,
      openStore,
      ...(faults === undefined ? {} : { faults }),
    });
    workers.push(worker);
    const registration = create(RegisterRequestSchema, {
      workerId: id,
      hostId: hostId(),
      threads: options.threads?.(id) ?? 1,
      memoryBytes: BigInt(gigabyte * (options.threads?.(id) ?? 1)),
      duckdbVersion: DuckDb.version(),
      protocolVersion,
      pid: process.pid,
    });
    stops.push(members.addInProcess(registration, createInProcessWorkerClient(worker)));
    return workers.length - 1;
  };
  for (let index = 0; index < options.workers; index += 1) await addWorker();
  const shadow = await ShadowCatalog.create();
  const service = createQueryService({
    catalog,
    members,
    shadow,
    runtime,
    ...common,
    version: 'test',
    duckdbVersion: DuckDb.version(),
    timeZone: 'UTC',
    openStore,
    scratchDir: join(spool.root, 'statements'),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  });
  return {
    service,
    catalog,
    members,
    workers,
    spoolDir,
    snapshot: () => catalog.snapshot(new AbortController().signal),
    async kill(index) {
      stops[index]?.();
      await workers[index]?.close();
    },
    addWorker,
    async rows(sql, settings = {}) {
      const handle = await service.submit({ sql, settings });
      const rows: (readonly SqlValue[])[] = [];
      for await (const batch of handle.batches) {
        for (let row = 0; row < batch.rowCount; row += 1) {
          rows.push(batch.columns.map((values) => values[row] ?? null));
        }
      }
      return rows;
    },
    async close() {
      await service.close();
      members.close();
      await Promise.all(workers.map((worker) => worker.close()));
      shadow.close();
      await reader.close();
      duckdb.close();
      await rm(spoolDir, { recursive: true, force: true });
    },
  };
}

/**
 * Copies Parquet tables into `to` so that they can be cut: row groups of 2,048 rows, and two files a table where it
 * has more than one row group.
 */
export async function makeSplittable(from: string, to: string): Promise<void> {
  const target = resolve(to);
  const duckdb = await DuckDb.open({
    threads: 2,
    memoryBytes: gigabyte,
    tempDirectory: join(target, '.spill'),
    readRoots: [resolve(from)],
    writeRoots: [target],
  });
  try {
    await using connection = await duckdb.connect();
    for (const file of await readdir(from)) {
      const source = `read_parquet(${quoteLiteral(resolve(from, file))}, file_row_number = true)`;
      const [[rows = 0n] = []] = await connection.rows(`SELECT count(*) FROM ${source}`);
      const half = Math.ceil(Number(rows) / 2);
      const folder = join(target, basename(file, '.parquet'));
      await mkdir(folder);
      for (const [part, range] of [`< ${half}`, `>= ${half}`].entries()) {
        await connection.run(
          `COPY (SELECT * EXCLUDE (file_row_number) FROM ${source} WHERE file_row_number ${range} ORDER BY file_row_number) TO ${quoteLiteral(join(folder, `${part}.parquet`))} (FORMAT parquet, ROW_GROUP_SIZE 2048)`,
        );
      }
    }
  } finally {
    duckdb.close();
  }
  await rm(join(target, '.spill'), { recursive: true, force: true });
}
