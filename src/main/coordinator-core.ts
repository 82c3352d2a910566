import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { FileCatalog, type InspectFiles } from '../catalog/index.ts';
import { SkeinError, SqlState, systemClock, systemRandom, workerId } from '../common/index.ts';
import {
  createQueryService,
  Membership,
  type MembershipLimits,
  type QueryLimits,
  type QueryService,
} from '../coordinator/index.ts';
import { DuckDb, inspectFiles, ShadowCatalog } from '../duckdb/index.ts';
import { ExchangeReader } from '../exchange/index.ts';
import { createHttpWorkerClient } from '../rpc/index.ts';
import { FragmentRuntime, hostId, Spool, TableFiles } from '../worker/index.ts';
import { openAll } from './closers.ts';
import type { Share } from './resources.ts';
import { version } from './version.ts';

export interface CoreOptions {
  /** Folder whose files and sub-folders are the tables. */
  readonly data: string;
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
  readonly members: Membership;
  readonly dataRoots: readonly string[];
  /** Cancels the queries, then closes what they ran on. */
  close(): Promise<void>;
}

/** Fetched inputs of root fragments that are kept beyond their query. */
const cacheBytes = 64 * 1024 * 1024;
/** Parts of remote table files that queries of one fragment read. */
const tableCacheBytes = 1024 ** 3;

/** @throws SkeinError 58P01 where the data folder is none; 58030 where the spool folder cannot be written */
export async function startCore(options: CoreOptions): Promise<CoordinatorCore> {
  const data = await dataFolder(options.data);
  return await openAll(async (closers) => {
    const { token, share } = options;
    const spool = await Spool.open({ dir: options.spoolDir, clock: systemClock, random: systemRandom });
    closers.add(() => spool.close());
    const duckdb = await DuckDb.open({
      ...share,
      tempDirectory: spool.spillDir,
      readRoots: [data],
      writeRoots: [spool.root],
      keepJoinOrder: true,
    });
    closers.add(() => duckdb.close());
    const self = { workerId: workerId('coordinator'), url: '', hostId: hostId() };
    const files = { dir: spool.inputDir, ownRoot: spool.root, hostId: self.hostId };
    const reader = new ExchangeReader({ ...files, cacheBytes, token, clock: systemClock });
    closers.add(() => reader.close());
    const tableFiles = await TableFiles.open({
      cache: { folder: join(spool.root, 'tables'), maxBytes: tableCacheBytes },
      clock: systemClock,
      random: systemRandom,
    });
    closers.add(() => tableFiles[Symbol.asyncDispose]());
    const { deltaFiles } = tableFiles;
    const runtime = new FragmentRuntime({ duckdb, spool, reader, clock: systemClock, self, deltaFiles });
    const catalog = new FileCatalog({ dir: data, clock: systemClock, inspect: inspectWith(duckdb) });
    const members = new Membership({
      clock: systemClock,
      duckdbVersion: DuckDb.version(),
      dataRoots: catalog.roots,
      connect: (url) => createHttpWorkerClient(url, token),
      ...(options.membershipLimits === undefined ? {} : { limits: options.membershipLimits }),
    });
    closers.add(() => members.close());
    const shadow = await ShadowCatalog.create(systemClock);
    closers.add(() => shadow.close());
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
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
    closers.add(() => queryService.close());
    return { queryService, members, dataRoots: catalog.roots, close: () => closers.close() };
  });
}

/** Looks into files on a connection of its own each time: tables are looked at one after another. */
function inspectWith(duckdb: DuckDb): InspectFiles {
  return async (kind, files, partitionKeys, signal) => {
    await using connection = await duckdb.connect();
    return await inspectFiles(connection, kind, files, partitionKeys, signal);
  };
}

async function dataFolder(given: string): Promise<string> {
  const path = resolve(given);
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return path;
  const problem = found === undefined ? 'does not exist' : 'is not a folder';
  throw new SkeinError(SqlState.undefinedFile, `the data folder ${path} ${problem}`);
}
