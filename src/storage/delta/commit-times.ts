import type { CommitInfo, MetadataAction } from './actions.ts';

/** From which version on commits carry their own time. @see Delta PROTOCOL.md, In-Commit Timestamps */
export interface InCommitTimes {
  readonly fromVersion: number;
  /** Of the commit at `fromVersion`; undefined where the table has had them from its start. */
  readonly fromMs: number | undefined;
}

/** @returns undefined where the table has none */
export function inCommitTimes({ configuration }: MetadataAction): InCommitTimes | undefined {
  if (configuration['delta.enableInCommitTimestamps'] !== 'true') return undefined;
  const version = configuration['delta.inCommitTimestampEnablementVersion'];
  const ms = configuration['delta.inCommitTimestampEnablementTimestamp'];
  return version === undefined || ms === undefined
    ? { fromVersion: 0, fromMs: undefined }
    : { fromVersion: Number(version), fromMs: Number(ms) };
}

/** The time that a commit itself names; undefined where its log entry's modification time counts. */
export function inCommitTime(
  version: number,
  times: InCommitTimes | undefined,
  info: CommitInfo | undefined,
): number | undefined {
  return times !== undefined && version >= times.fromVersion ? info?.inCommitTimestamp : undefined;
}

export interface CommitTime {
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly timestampMs: number;
}

/** Times of commits from their log entries' modification times: each later than the one before. */
export function adjustedTimes(
  commits: readonly { readonly version: number; readonly modifiedMs: number }[],
): readonly CommitTime[] {
  let last = Number.NEGATIVE_INFINITY;
  return commits.map(({ version, modifiedMs }) => {
    last = Math.max(Math.floor(modifiedMs), last + 1);
    return { version, timestampMs: last };
  });
}
