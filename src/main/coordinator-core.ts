import './aws-sdk.ts';
import { mkdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { WarehouseCatalog } from '../catalog/index.ts';
import { SkeinError, SqlState, systemClock, systemRandom, workerId } from '../common/index.ts';
import {
  createIngestService,
  createQueryService,
  type IngestService,
  Membership,
  type MembershipLimits,
  type QueryLimits,
  type QueryService,
} from '../coordinator/index.ts';
import { DuckDb, DuckDbParquetRows, ShadowCatalog } from '../duckdb/index.ts';
import { ExchangeReader } from '../exchange/index.ts';
import { createHttpWorkerClient } from '../rpc/index.ts';
import {
  DeltaLog,
  formatLocation,
  type ObjectStore,
  ObjectStores,
  parseLocation,
  type S3Options,
} from '../storage/index.ts';
import { FragmentRuntime, hostId, Spool, TableFiles } from '../worker/index.ts';
import { openAll } from './closers.ts';
import { inspectTables } from './inspect-tables.ts';
import type { Share } from './resources.ts';
import { version } from './version.ts';

export interface CoreOptions {
  /** The warehouse: a folder whose files and sub-folders are tables, or `s3://bucket/prefix`. */
  readonly data: string;
  /** Locations besides it that statements may name. */
  readonly externalRoots: readonly string[];
  readonly s3: S3Options;
  /** Bytes of remote files that the coordinator keeps on its disk; default 10 GiB. */
  readonly tableCacheBytes: number | undefined;
  readonly wrapStore: ((store: ObjectStore) => ObjectStore) | undefined;
  readonly share: Share;
  readonly spoolDir: string;
  /** Shared secret of the cluster. */
  readonly token: string | undefined;
  readonly limits: Partial<QueryLimits> | undefined;
  readonly membershipLimits: Partial<MembershipLimits> | undefined;
}

/** A coordinator without doors and without workers. */
export interface CoordinatorCore {
  readonly queryService: QueryService;
  /** To be closed before the query service, so that it can commit what it took. */
  readonly ingest: IngestService;
  readonly members: Membership;
  /** Folders with table files on this machine: what workers must be able to read. */
  readonly dataRoots: readonly string[];
  /** Folder of files that statements bring here, which workers of this process read, too. */
  readonly scratchDir: string;
  readonly stores: ObjectStores;
  /** Cancels the queries, then closes what they ran on. */
  close(): Promise<void>;
}

/** Fetched inputs of root fragments that are kept beyond their query. */
const cacheBytes = 64 * 1024 * 1024;
/** Parts of remote files that are looked into, and that queries of one fragment read. */
const defaultTableCacheBytes = 10 * 1024 ** 3;

/** @throws SkeinError 58P01 where the data folder is none; 58030 where the spool folder cannot be written */
export async function startCore(options: CoreOptions): Promise<CoordinatorCore> {
  const data = await warehouseLocation(options.data);
  const externalRoots = options.externalRoots.map((root) => formatLocation(parseLocation(absolute(root))));
  const localRoots = [data, ...externalRoots].filter((root) => root.startsWith('/'));
  return await openAll(async (closers) => {
    const { token, share } = options;
    const spool = await Spool.open({ dir: options.spoolDir, clock: systemClock, random: systemRandom });
    closers.add(() => spool.close());
    const duckdb = await DuckDb.open({
      ...share,
      tempDirectory: spool.spillDir,
      readRoots: localRoots,
      writeRoots: [spool.root],
      keepJoinOrder: true,
    });
    closers.add(() => duckdb.close());
    const self = { workerId: workerId('coordinator'), url: '', hostId: hostId() };
    const files = { dir: spool.inputDir, ownRoot: spool.root, hostId: self.hostId };
    const reader = new ExchangeReader({ ...files, cacheBytes, token, clock: systemClock });
    closers.add(() => reader.close());
    const stores = new ObjectStores({
      clock: systemClock,
      random: systemRandom,
      s3: options.s3,
      wrap: options.wrapStore,
    });
    closers.add(() => stores.close());
    const openStore = (location: string): ObjectStore => stores.open(location);
    const tableFiles = await TableFiles.open({
      stores,
      cache: {
        folder: join(spool.root, 'tables'),
        maxBytes: options.tableCacheBytes ?? defaultTableCacheBytes,
      },
      clock: systemClock,
      random: systemRandom,
    });
    closers.add(() => tableFiles[Symbol.asyncDispose]());
    const { scanFiles, deltaFiles } = tableFiles;
    const runtime = new FragmentRuntime({
      duckdb,
      spool,
      reader,
      clock: systemClock,
      self,
      scanFiles,
      deltaFiles,
      openStore,
    });
    const scratchFolder = join(spool.root, 'checkpoints');
    const parquet = new DuckDbParquetRows({ duckDb: duckdb, scratchFolder, random: systemRandom });
    const catalog = new WarehouseCatalog({
      store: stores.open(data),
      openStore,
      openLog: (store, checkPlace) => new DeltaLog({ store, parquet, checkPlace }),
      inspect: inspectTables(duckdb, tableFiles.remoteFiles),
      externalRoots,
      clock: systemClock,
      random: systemRandom,
    });
    const members = new Membership({
      clock: systemClock,
      duckdbVersion: DuckDb.version(),
      dataRoots: localRoots,
      connect: (url) => createHttpWorkerClient(url, token),
      ...(options.membershipLimits === undefined ? {} : { limits: options.membershipLimits }),
    });
    closers.add(() => members.close());
    const shadow = await ShadowCatalog.create(systemClock);
    closers.add(() => shadow.close());
    const scratchDir = join(spool.root, 'statements');
    await mkdir(scratchDir, { mode: 0o700 });
    const queryService = createQueryService({
      catalog,
      members,
      shadow,
      runtime,
      clock: systemClock,
      random: systemRandom,
      version,
      duckdbVersion: DuckDb.version(),
      timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      openStore,
      scratchDir,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
    closers.add(() => queryService.close());
    const ingest = createIngestService({
      queryService,
      clock: systemClock,
      random: systemRandom,
      scratchDir,
      duckDb: duckdb,
    });
    closers.add(() => ingest.close());
    return {
      queryService,
      ingest,
      members,
      dataRoots: localRoots,
      scratchDir,
      stores,
      close: () => closers.close(),
    };
  });
}

/** In the one spelling of its store. */
async function warehouseLocation(given: string): Promise<string> {
  const location = parseLocation(absolute(given));
  if (location.kind !== 'local') return formatLocation(location);
  const { path } = location;
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return path;
  const problem = found === undefined ? 'does not exist' : 'is not a folder';
  throw new SkeinError(SqlState.undefinedFile, `the data folder ${path} ${problem}`);
}

function absolute(location: string): string {
  return /^[a-z0-9]+:\/\//.test(location) ? location : resolve(location);
}
