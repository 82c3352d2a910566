import { assert } from '../../common/index.ts';
import type { ObjectInfo } from '../object-store/object-store.ts';

export const logFolder = '_delta_log/';
export const lastCheckpointKey = `${logFolder}_last_checkpoint`;
export const sidecarFolder = `${logFolder}_sidecars/`;

const versionDigits = 20;

export function formatVersion(version: number): string {
  return String(version).padStart(versionDigits, '0');
}

/** The key of a version's log entry. */
export function commitKey(version: number): string {
  return `${logFolder}${formatVersion(version)}.json`;
}

/** The whole state of a table at a version, in one file or in parts. */
export interface Checkpoint {
  readonly version: number;
  readonly format: 'parquet' | 'json';
  /** In the order of the parts. */
  readonly files: readonly ObjectInfo[];
}

/** The log entries of versions `first` to `last`, reconciled into one file. */
export interface Compaction {
  readonly first: number;
  readonly last: number;
  readonly file: ObjectInfo;
}

/** What a listing of the log, or of its end, found. */
export interface LogListing {
  readonly commits: ReadonlyMap<number, ObjectInfo>;
  /** Complete ones, newest first. */
  readonly checkpoints: readonly Checkpoint[];
  readonly compactions: readonly Compaction[];
  /** The greatest version of all; undefined where there is none. */
  readonly latest: number | undefined;
}

const commitName = /^(\d{20})\.json$/;
const compactionName = /^(\d{20})\.(\d{20})\.compacted\.json$/;
const checkpointName = /^(\d{20})\.checkpoint(?:\.(\d{10})\.(\d{10})|\.([0-9A-Za-z-]+))?\.(parquet|json)$/;

/** Sorts the files of a log by their names; whatever else lies there is passed over. */
export class LogListingBuilder {
  readonly #commits = new Map<number, ObjectInfo>();
  readonly #checkpoints: Checkpoint[] = [];
  readonly #parts = new Map<string, (ObjectInfo | undefined)[]>();
  readonly #compactions: Compaction[] = [];

  add(file: ObjectInfo): void {
    const name = file.key.slice(logFolder.length);
    const commit = commitName.exec(name);
    if (commit !== null) {
      this.#commits.set(Number(commit[1]), file);
      return;
    }
    const compaction = compactionName.exec(name);
    if (compaction !== null) {
      this.#compactions.push({ first: Number(compaction[1]), last: Number(compaction[2]), file });
      return;
    }
    const checkpoint = checkpointName.exec(name);
    if (checkpoint !== null) this.#addCheckpoint(file, checkpoint);
  }

  build(): LogListing {
    const checkpoints = [...this.#checkpoints, ...this.#completeParts()];
    checkpoints.sort((a, b) => b.version - a.version || a.files.length - b.files.length);
    const commits = [...this.#commits.keys()];
    const greatest = commits.reduce((most, version) => Math.max(most, version), -1);
    const latest = Math.max(greatest, checkpoints[0]?.version ?? -1);
    return {
      commits: this.#commits,
      checkpoints,
      compactions: this.#compactions,
      latest: latest < 0 ? undefined : latest,
    };
  }

  #addCheckpoint(file: ObjectInfo, [, version, part, parts, uuid, extension]: RegExpExecArray): void {
    const format = extension === 'json' ? 'json' : 'parquet';
    if (part === undefined || parts === undefined) {
      // One named by its version alone is Parquet.
      if (uuid !== undefined || format === 'parquet')
        this.#checkpoints.push({ version: Number(version), format, files: [file] });
      return;
    }
    if (format === 'json' || Number(part) < 1 || Number(part) > Number(parts)) return;
    const key = `${version}.${parts}`;
    const found = this.#parts.get(key) ?? [];
    found[Number(part) - 1] = file;
    this.#parts.set(key, found);
  }

  /** Checkpoints in parts of which none is missing. */
  #completeParts(): readonly Checkpoint[] {
    return [...this.#parts].flatMap(([key, parts]) => {
      const [version, count] = key.split('.');
      const files = parts.filter((file) => file !== undefined);
      return files.length === Number(count)
        ? [{ version: Number(version), format: 'parquet' as const, files }]
        : [];
    });
  }
}

/** The files that make up a version: a checkpoint, or nothing, and every log entry after it. */
export interface LogSegment {
  readonly version: number;
  readonly checkpoint: Checkpoint | undefined;
  /** Ascending, without a gap; some may stand for several versions. */
  readonly entries: readonly LogEntryFile[];
}

/** @property first equal to `last` for the entry of one version */
export interface LogEntryFile {
  readonly first: number;
  readonly last: number;
  readonly file: ObjectInfo;
}

/** Versions without a log entry, though later ones are there. */
export interface LogGap {
  readonly missing: number;
  readonly version: number;
}

/**
 * The files that make up a version.
 * @param checkpoint one of the listing, not after `version`
 * @param withCompactions whether one file may stand for several entries
 */
export function segmentOf(
  listing: LogListing,
  checkpoint: Checkpoint | undefined,
  version: number,
  withCompactions: boolean,
): LogSegment | LogGap {
  const start = checkpoint === undefined ? 0 : checkpoint.version + 1;
  for (let each = start; each <= version; each++)
    if (!listing.commits.has(each)) return { missing: each, version };
  const entries: LogEntryFile[] = [];
  for (let next = start; next <= version; ) {
    const compaction = withCompactions ? longestCompaction(listing, next, version) : undefined;
    const file = compaction?.file ?? listing.commits.get(next);
    assert(file !== undefined, 'every version was looked up before');
    const last = compaction?.last ?? next;
    entries.push({ first: next, last, file });
    next = last + 1;
  }
  return { version, checkpoint, entries };
}

function longestCompaction(listing: LogListing, first: number, version: number): Compaction | undefined {
  return listing.compactions
    .filter((each) => each.first === first && each.last > first && each.last <= version)
    .reduce<Compaction | undefined>((best, each) => (best && best.last > each.last ? best : each), undefined);
}

/** The first version that can be put together from the files; undefined where none can. */
export function earliestVersion({ commits, checkpoints }: LogListing): number | undefined {
  if (commits.has(0)) return 0;
  return checkpoints.at(-1)?.version;
}
