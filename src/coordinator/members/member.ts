import type { WorkerId } from '../../common/index.ts';
import type { WorkerClient, WorkerStatus } from '../../rpc/index.ts';
import type { WorkerInfo } from '../query-service.ts';

/** A worker as its coordinator knows it. Changed by Membership only. */
export interface Member {
  readonly id: WorkerId;
  readonly url: string;
  readonly hostId: string;
  readonly threads: number;
  readonly memoryBytes: number;
  readonly pid: number;
  /** Runs in the coordinator's own process: it cannot be out of reach. */
  readonly inProcess: boolean;
  readonly client: WorkerClient;
  /** Monotonic milliseconds. */
  readonly joinedAt: number;
  standing: WorkerInfo['state'];
  /** Monotonic milliseconds. */
  lastSeen: number;
  status: WorkerStatus | undefined;
  /** The question that is out, if one is. */
  probe: AbortController | undefined;
  lostBecause?: string;
}

export function describeMember(member: Member, now: number): WorkerInfo {
  const { status } = member;
  return {
    id: member.id,
    url: member.url,
    host: member.hostId,
    state: member.standing,
    threads: member.threads,
    memoryBytes: member.memoryBytes,
    memoryUsedBytes: Number(status?.memoryUsedBytes ?? 0),
    residentBytes: Number(status?.residentBytes ?? 0),
    runningTasks: status?.runningTasks ?? 0,
    finishedTasks: Number(status?.finishedTasks ?? 0),
    failedTasks: Number(status?.failedTasks ?? 0),
    spoolBytes: Number(status?.spoolBytes ?? 0),
    spoolFreeBytes: Number(status?.spoolFreeBytes ?? 0),
    cacheBytes: Number(status?.cacheBytes ?? 0),
    cacheHits: Number(status?.cacheHits ?? 0),
    cacheMisses: Number(status?.cacheMisses ?? 0),
    tableCacheBytes: Number(status?.tableCacheBytes ?? 0),
    tableCacheHits: Number(status?.tableCacheHits ?? 0),
    tableCacheMisses: Number(status?.tableCacheMisses ?? 0),
    cpuLoad: status?.cpuLoad ?? 0,
    lastSeenMs: Math.max(0, now - member.lastSeen),
    uptimeMs: Math.max(0, now - member.joinedAt),
  };
}
