import type { ObjectStore } from '../object-store/object-store.ts';
import {
  commitKey,
  formatVersion,
  type LogListing,
  LogListingBuilder,
  lastCheckpointKey,
  logFolder,
} from './log-files.ts';
import { isDamaged } from './read-checkpoint.ts';
import { readBytes } from './read-object.ts';

/** A listing that missed an entry which was written meanwhile is repeated so often. */
const maxListings = 3;

/**
 * Lists the log from a version on. A folder that is listed while others write to it may show a later entry without the
 * one before: then it is listed again.
 * @param from the first version of interest; 0: everything
 * @param to the last one; undefined: no end
 */
export async function listLog(
  store: ObjectStore,
  from: number,
  to: number | undefined,
  signal: AbortSignal | undefined,
): Promise<LogListing> {
  for (let attempt = 1; ; attempt++) {
    const listing = await listOnce(store, from, to, signal);
    if (attempt === maxListings || !hasGap(listing)) return listing;
  }
}

async function listOnce(
  store: ObjectStore,
  from: number,
  to: number | undefined,
  signal: AbortSignal | undefined,
): Promise<LogListing> {
  const builder = new LogListingBuilder();
  const end = to === undefined ? undefined : `${logFolder}${formatVersion(to + 1)}`;
  const files = store.list(logFolder, {
    shallow: true,
    ...(from > 0 ? { startAfter: `${logFolder}${formatVersion(from)}` } : {}),
    ...(signal === undefined ? {} : { signal }),
  });
  for await (const file of files) {
    if (end !== undefined && file.key >= end) break;
    builder.add(file);
  }
  return builder.build();
}

/** Whether an entry is missing after the newest checkpoint, or, without one, after the first entry. */
function hasGap({ commits, checkpoints, latest }: LogListing): boolean {
  if (latest === undefined) return false;
  const newest = checkpoints[0]?.version;
  // In ascending order, as they were listed.
  const after = [...commits.keys()].filter((version) => newest === undefined || version > newest);
  const first = newest === undefined ? (after[0] ?? 0) : newest + 1;
  return latest - first + 1 !== after.length;
}

/**
 * The version that `_last_checkpoint` names. A hint: the checkpoint may be gone, and newer ones may be there.
 * @returns undefined where there is no hint, or none that makes sense
 */
async function readLastCheckpoint(
  store: ObjectStore,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  try {
    const bytes = await readBytes(store, lastCheckpointKey, undefined, signal);
    const hint: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const version = typeof hint === 'object' && hint !== null && 'version' in hint ? hint.version : undefined;
    return typeof version === 'number' && Number.isSafeInteger(version) && version >= 0 ? version : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || isDamaged(error)) return undefined;
    throw error;
  }
}

/** The log's end, from the checkpoint on that `_last_checkpoint` names, where that one is there; else all of it. */
export async function listFromLastCheckpoint(
  store: ObjectStore,
  signal: AbortSignal | undefined,
): Promise<LogListing> {
  const hint = await readLastCheckpoint(store, signal);
  if (hint !== undefined) {
    const listing = await listLog(store, hint, undefined, signal);
    if (listing.checkpoints.length > 0) return listing;
  }
  return await listLog(store, 0, undefined, signal);
}

/** Tells the entry of a version from any other that takes its place; undefined where there is none. */
export async function commitFingerprint(
  store: ObjectStore,
  version: number,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const info = await store.stat(commitKey(version), signal);
  return info && `${info.etag} ${info.bytes}`;
}
