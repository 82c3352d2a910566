import { create } from '@bufbuild/protobuf';
import { type Clock, SkeinError, SqlState, type WorkerId, workerId } from '../../common/index.ts';
import {
  type CoordinatorClient,
  type HeartbeatResponse,
  HeartbeatResponseSchema,
  protocolVersion,
  type RegisterRequest,
  type RegisterResponse,
  RegisterResponseSchema,
  type WorkerClient,
  type WorkerStatus,
} from '../../rpc/index.ts';
import type { WorkerInfo } from '../query-service.ts';
import { describeMember, type Member } from './member.ts';

export interface MembershipLimits {
  /** What workers are told to keep. */
  readonly heartbeatMs: number;
  /** Silence after which a worker gets no new tasks and is asked whether it lives. */
  readonly suspectMs: number;
  /** Silence after which it is lost. */
  readonly lostMs: number;
  readonly probeMs: number;
  /** How long a lost worker is still listed. */
  readonly forgetMs: number;
}

export const defaultMembershipLimits: MembershipLimits = {
  heartbeatMs: 500,
  suspectMs: 1_500,
  lostMs: 4_000,
  probeMs: 800,
  forgetMs: 60_000,
};

export interface MembershipOptions {
  readonly clock: Clock;
  readonly duckdbVersion: string;
  /** Folders that workers must be able to read. */
  readonly dataRoots: readonly string[];
  /** Opens a client of the worker that serves `url`. */
  readonly connect: (url: string) => WorkerClient;
  readonly limits?: Partial<MembershipLimits>;
}

/** `joined` also when a suspect worker has answered again. */
export interface MemberEvent {
  readonly kind: 'joined' | 'suspect' | 'draining' | 'lost';
  readonly worker: WorkerId;
}

/** Lost workers that are still listed, at most. */
const keptLost = 32;

/**
 * Who belongs to the cluster. Whatever shows that a worker is gone (silence, a refused connection, a newer process in
 * its place) ends in the one `lost` event; a worker that comes back registers again and is `joined`.
 */
export class Membership implements CoordinatorClient {
  readonly #options: MembershipOptions;
  readonly #clock: Clock;
  readonly #limits: MembershipLimits;
  readonly #members = new Map<WorkerId, Member>();
  readonly #lost = new Map<WorkerId, Member>();
  readonly #listeners = new Set<(event: MemberEvent) => void>();
  #cancelTimer: () => void = () => {};
  #lastTick: number;
  #asking: Promise<void> | undefined;
  #closed = false;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#limits = { ...defaultMembershipLimits, ...options.limits };
    this.#lastTick = this.#clock.monotonic();
    this.#schedule();
  }

  /** Handles a worker's first call. @throws SkeinError 0A000 where its version does not fit */
  async register(request: RegisterRequest): Promise<RegisterResponse> {
    this.#checkVersions(request);
    const id = workerId(request.workerId);
    const known = this.#members.get(id);
    if (known !== undefined && (known.pid !== request.pid || known.url !== request.url)) {
      this.#lose(known, 'another process took its name');
    }
    for (const other of [...this.#members.values()]) {
      if (other.id !== id && !other.inProcess && other.url === request.url) {
        this.#lose(other, 'another process took its address');
      }
    }
    this.#add(request, this.#options.connect(request.url), false);
    return create(RegisterResponseSchema, {
      dataRoots: [...this.#options.dataRoots],
      heartbeatMs: this.#limits.heartbeatMs,
    });
  }

  async heartbeat(status: WorkerStatus): Promise<HeartbeatResponse> {
    const member = this.#members.get(workerId(status.workerId));
    if (member !== undefined) this.#seen(member, status);
    return create(HeartbeatResponseSchema, { known: member !== undefined });
  }

  async leave(id: string): Promise<void> {
    const member = this.#members.get(workerId(id));
    if (member !== undefined) this.#drain(member);
  }

  /**
   * Adds a worker of this process, which is alive until it is taken away.
   * @returns takes it away: the worker is lost
   */
  addInProcess(registration: RegisterRequest, client: WorkerClient): () => void {
    this.#checkVersions(registration);
    const member = this.#add(registration, client, true);
    return () => {
      if (this.#members.get(member.id) === member) this.#lose(member, 'stopped');
    };
  }

  /** A call to the worker has failed on the way: asks at once whether it still lives. Until then it is suspect. */
  reportUnreachable(id: WorkerId): void {
    const member = this.#members.get(id);
    if (member === undefined || member.inProcess) return;
    this.#suspect(member);
    this.#probe(member);
  }

  get(id: WorkerId): Member | undefined {
    return this.#members.get(id);
  }

  /** All members that are not lost, in the order they joined. */
  members(): readonly Member[] {
    return [...this.#members.values()];
  }

  aliveCount(): number {
    return this.members().filter((member) => member.standing === 'alive').length;
  }

  /** @returns stops the calls */
  subscribe(listener: (event: MemberEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * How far the tasks of a query's run are that run now: 0 to 1 by `stageId.task`, as of the workers' last reports.
   * Those of this process report when they are asked: the next call tells.
   */
  taskShares(executionId: string): ReadonlyMap<string, number> {
    this.#asking ??= this.#askInProcess(new AbortController().signal).finally(() => {
      this.#asking = undefined;
    });
    const running = this.members().flatMap(({ status }) => status?.running ?? []);
    return new Map(
      running
        .filter(({ queryId }) => queryId === executionId)
        .map(({ stageId, task, fraction }) => [`${stageId}.${task}`, fraction]),
    );
  }

  /** The cluster for people: members by name, then those lost a short while ago. Asks workers of this process. */
  async describe(signal: AbortSignal): Promise<readonly WorkerInfo[]> {
    await this.#askInProcess(signal);
    const now = this.#clock.monotonic();
    const byName = (a: Member, b: Member): number => a.id.localeCompare(b.id);
    return [...this.members().toSorted(byName), ...[...this.#lost.values()].toSorted(byName)].map((member) =>
      describeMember(member, now),
    );
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer();
    this.#listeners.clear();
    for (const member of this.#members.values()) member.probe?.abort();
  }

  #checkVersions(request: RegisterRequest): void {
    const { duckdbVersion } = this.#options;
    if (request.protocolVersion !== protocolVersion) {
      throw new SkeinError(
        SqlState.featureNotSupported,
        `worker ${request.workerId} speaks protocol ${request.protocolVersion}, this coordinator ${protocolVersion}`,
        { hint: 'run the same version of Skein on every node' },
      );
    }
    if (request.duckdbVersion !== duckdbVersion) {
      throw new SkeinError(
        SqlState.featureNotSupported,
        `worker ${request.workerId} runs DuckDB ${request.duckdbVersion}, this coordinator ${duckdbVersion}`,
        { hint: 'rows are placed by the hash of DuckDB: run the same version of Skein on every node' },
      );
    }
  }

  #add(registration: RegisterRequest, client: WorkerClient, inProcess: boolean): Member {
    const now = this.#clock.monotonic();
    const id = workerId(registration.workerId);
    const known = this.#members.get(id);
    known?.probe?.abort();
    const member: Member = {
      id,
      url: registration.url,
      hostId: registration.hostId,
      threads: registration.threads,
      memoryBytes: Number(registration.memoryBytes),
      pid: registration.pid,
      inProcess,
      client,
      joinedAt: known?.joinedAt ?? now,
      standing: 'alive',
      lastSeen: now,
      status: known?.status,
      probe: undefined,
    };
    this.#lost.delete(id);
    this.#members.set(id, member);
    this.#emit({ kind: 'joined', worker: id });
    return member;
  }

  /** They send no heartbeats. */
  async #askInProcess(signal: AbortSignal): Promise<void> {
    await Promise.all(
      this.members()
        .filter((member) => member.inProcess)
        .map(async (member) => {
          const status = await member.client.getStatus(signal).catch(() => undefined);
          if (status !== undefined) this.#seen(member, status);
        }),
    );
  }

  #seen(member: Member, status: WorkerStatus): void {
    member.lastSeen = this.#clock.monotonic();
    member.status = status;
    if (status.draining) this.#drain(member);
    else if (member.standing === 'suspect') {
      member.standing = 'alive';
      this.#emit({ kind: 'joined', worker: member.id });
    }
  }

  #drain(member: Member): void {
    if (member.standing === 'draining') return;
    member.standing = 'draining';
    this.#emit({ kind: 'draining', worker: member.id });
  }

  #suspect(member: Member): void {
    if (member.standing !== 'alive') return;
    member.standing = 'suspect';
    this.#emit({ kind: 'suspect', worker: member.id });
  }

  #lose(member: Member, reason: string): void {
    if (this.#members.get(member.id) !== member) return;
    const hadSaidGoodbye = member.standing === 'draining';
    member.standing = 'lost';
    member.lostBecause = reason;
    member.probe?.abort();
    this.#members.delete(member.id);
    // Whoever said that it leaves is gone, not lost: people need not look after it.
    if (!hadSaidGoodbye) this.#lost.set(member.id, member);
    const [oldest] = this.#lost.keys();
    if (oldest !== undefined && this.#lost.size > keptLost) this.#lost.delete(oldest);
    this.#emit({ kind: 'lost', worker: member.id });
  }

  #emit(event: MemberEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#cancelTimer = this.#clock.after(this.#limits.heartbeatMs / 2, () => {
      this.#tick();
      this.#schedule();
    });
  }

  #tick(): void {
    const now = this.#clock.monotonic();
    const gapMs = now - this.#lastTick;
    this.#lastTick = now;
    // A tick that comes late says that this process stood still: that time is nobody's silence. What is left of it
    // counts, or a process that is always late would never lose anybody.
    const deafMs = gapMs > this.#limits.heartbeatMs * 2 ? gapMs - this.#limits.heartbeatMs / 2 : 0;
    for (const member of this.members()) {
      if (member.inProcess) continue;
      member.lastSeen = Math.min(now, member.lastSeen + deafMs);
      const silentMs = now - member.lastSeen;
      if (silentMs >= this.#limits.lostMs) this.#lose(member, 'silent');
      else if (silentMs >= this.#limits.suspectMs) {
        this.#suspect(member);
        this.#probe(member);
      }
    }
    for (const member of [...this.#lost.values()]) {
      if (now - member.lastSeen > this.#limits.forgetMs) this.#lost.delete(member.id);
    }
  }

  /** Asks a worker whether it lives. An answer counts as a heartbeat, a refusal as its end, silence as silence. */
  #probe(member: Member): void {
    if (member.probe !== undefined || this.#closed) return;
    const probe = new AbortController();
    member.probe = probe;
    const cancelTimer = this.#clock.after(this.#limits.probeMs, () => probe.abort());
    member.client.getStatus(probe.signal).then(
      (status) => {
        cancelTimer();
        member.probe = undefined;
        if (this.#members.get(member.id) !== member) return;
        if (status.workerId === member.id) this.#seen(member, status);
        else this.#lose(member, 'another process answers in its place');
      },
      () => {
        cancelTimer();
        member.probe = undefined;
        if (!probe.signal.aborted) this.#lose(member, 'unreachable');
      },
    );
  }
}
