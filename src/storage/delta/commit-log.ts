import { SkeinError, SqlState } from '../../common/index.ts';
import type { ObjectStore } from '../object-store/object-store.ts';
import type { DeltaAction } from './actions.ts';
import { parseLogEntry } from './log-entry.ts';
import { commitKey } from './log-files.ts';

/** One entry of a log. */
export interface LogCommit {
  readonly version: number;
  /** In-commit timestamp where the entry has one, else the file's modification time. */
  readonly timestampMs: number;
  readonly actions: readonly DeltaAction[];
}

/** What a writer needs of the log when it has lost a race. */
export interface CommitLog {
  /** The entry of a version as it lies in the store now, never from a cache; undefined where there is none. */
  commit(version: number, signal: AbortSignal | undefined): Promise<LogCommit | undefined>;
}

/** Reads entries right from the store. */
export function storeCommitLog(store: ObjectStore): CommitLog {
  return {
    async commit(version, signal) {
      const key = commitKey(version);
      let modifiedMs: number;
      const chunks: Uint8Array[] = [];
      try {
        const { info, stream } = await store.get(key, signal === undefined ? {} : { signal });
        modifiedMs = info.modifiedMs;
        for await (const chunk of stream) chunks.push(chunk);
      } catch (error) {
        if (error instanceof SkeinError && error.sqlState === SqlState.undefinedFile) return undefined;
        throw error;
      }
      const actions = parseLogEntry(Buffer.concat(chunks), `${store.root}/${key}`);
      const info = actions.find((action) => 'commitInfo' in action)?.commitInfo;
      return { version, timestampMs: info?.inCommitTimestamp ?? Math.floor(modifiedMs), actions };
    },
  };
}

/** The text of a log entry: an action a line. */
export function encodeCommit(actions: readonly DeltaAction[]): Uint8Array {
  return Buffer.from(actions.map((action) => `${JSON.stringify(action)}\n`).join(''));
}
