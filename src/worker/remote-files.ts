import { mapToTheEnd, SkeinError, SqlState } from '../common/index.ts';
import type { CachedFile, WantedBytes } from '../storage/index.ts';

/** Brings files that do not lie on this machine, and gives others as they are; a RangeCache does. */
export interface RemoteFiles {
  open(location: string, wanted: WantedBytes, signal: AbortSignal): Promise<CachedFile>;
}

/** Of a node that has no way to them. */
export const noRemoteFiles: RemoteFiles = {
  open: async (path) => {
    throw new SkeinError(SqlState.ioError, `this worker cannot reach remote files: ${path}`, {
      retry: 'task',
      details: { path },
    });
  },
};

/** Files on this machine, until they are let go. */
export interface BroughtFiles extends AsyncDisposable {
  /** In the order in which they were asked for, by paths on this machine. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  /** Of remote files, by their paths on this machine. */
  readonly locations: ReadonlyMap<string, string>;
}

const filesAtOnce = 16;

/**
 * Brings files of known versions.
 * @param wanted of each of them
 * @throws SkeinError naming the file that is not there, is another one by now, or cannot be reached
 */
export async function bringFiles(
  files: readonly { readonly path: string; readonly bytes: number; readonly etag: string }[],
  wanted: Omit<WantedBytes, 'etag'>,
  remoteFiles: RemoteFiles,
  signal: AbortSignal,
): Promise<BroughtFiles> {
  const opened: CachedFile[] = [];
  const release = async (): Promise<void> => {
    await Promise.all(opened.map((file) => file.release()));
  };
  const locations = new Map<string, string>();
  try {
    const here = await mapToTheEnd(files, filesAtOnce, signal, async ({ path, bytes, etag }, until) => {
      if (path.startsWith('/')) return { path, bytes };
      const file = await remoteFiles.open(path, { ...wanted, etag }, until);
      opened.push(file);
      locations.set(file.localPath, path);
      return { path: file.localPath, bytes };
    });
    return { files: here, locations, [Symbol.asyncDispose]: release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** An error in which remote files go by their locations. @param locations by the path of the copy on this machine */
export function withLocations(error: SkeinError, locations: ReadonlyMap<string, string>): SkeinError {
  const { sqlState, message, retry, hint, position } = error;
  const said = [message, hint ?? '', ...Object.values(error.details)];
  if (![...locations.keys()].some((path) => said.some((text) => text.includes(path)))) return error;
  const named = (text: string): string => {
    let all = text;
    for (const [path, location] of locations) all = all.replaceAll(path, location);
    return all;
  };
  const details = Object.entries(error.details).map(([name, value]) => [name, named(value)] as const);
  return new SkeinError(sqlState, named(message), {
    retry,
    details: Object.fromEntries(details),
    ...(hint === undefined ? {} : { hint: named(hint) }),
    ...(position === undefined ? {} : { position }),
    cause: error,
  });
}
