import { create } from '@bufbuild/protobuf';
import { afterEach, describe, expect, it } from 'vitest';
import { SkeinError, workerId } from '../../common/index.ts';
import {
  protocolVersion,
  RegisterRequestSchema,
  type WorkerClient,
  WorkerStatusSchema,
} from '../../rpc/index.ts';
import { FakeClock } from '../fake-clock.ts';
import { type MemberEvent, Membership } from './membership.ts';

/** How a worker answers GetStatus. */
type Answer = 'alive' | 'refused' | 'silent' | 'stranger';

class Cluster {
  readonly clock = new FakeClock();
  readonly answers = new Map<string, Answer>();
  readonly events: string[] = [];
  probes = 0;
  readonly membership = new Membership({
    clock: this.clock,
    duckdbVersion: 'v1',
    dataRoots: ['/data'],
    connect: (url) => this.#client(url),
  });

  constructor() {
    this.membership.subscribe(({ kind, worker }: MemberEvent) => this.events.push(`${kind} ${worker}`));
  }

  async register(
    id: string,
    change: { url?: string; pid?: number; duckdb?: string; protocol?: number } = {},
  ) {
    return this.membership.register(
      create(RegisterRequestSchema, {
        workerId: id,
        url: change.url ?? `http://${id}`,
        hostId: 'host',
        threads: 2,
        memoryBytes: 1_000n,
        duckdbVersion: change.duckdb ?? 'v1',
        protocolVersion: change.protocol ?? protocolVersion,
        pid: change.pid ?? 1,
      }),
    );
  }

  async beat(id: string, draining = false): Promise<boolean> {
    const status = create(WorkerStatusSchema, { workerId: id, draining, runningTasks: 3 });
    return (await this.membership.heartbeat(status)).known;
  }

  /** Passes time in which these workers keep their heartbeat. */
  async pass(ms: number, ...beating: string[]): Promise<void> {
    for (let passed = 0; passed < ms; passed += 250) {
      for (const id of beating) await this.beat(id);
      await this.clock.advance(250);
    }
  }

  standing(id: string): string | undefined {
    return this.membership.get(workerId(id))?.standing;
  }

  #client(url: string): WorkerClient {
    const id = url.slice('http://'.length);
    return {
      runTask: () => Promise.reject(new Error('not used')),
      dropQuery: () => Promise.resolve(),
      getStatus: (signal) => {
        this.probes += 1;
        const answer = this.answers.get(id) ?? 'alive';
        if (answer === 'alive') return Promise.resolve(create(WorkerStatusSchema, { workerId: id }));
        if (answer === 'stranger') return Promise.resolve(create(WorkerStatusSchema, { workerId: 'other' }));
        if (answer === 'refused')
          return Promise.reject(new SkeinError('08006', 'refused', { retry: 'task' }));
        return new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        );
      },
    };
  }
}

describe('Membership', () => {
  let cluster = new Cluster();
  afterEach(() => {
    cluster.membership.close();
    cluster = new Cluster();
  });

  it('tells a new worker what it may read and how often to report', async () => {
    const response = await cluster.register('a');
    expect(response).toMatchObject({ dataRoots: ['/data'], heartbeatMs: 500 });
    expect(cluster.events).toEqual(['joined a']);
    expect(cluster.membership.aliveCount()).toBe(1);
  });

  it('refuses other versions', async () => {
    await expect(cluster.register('a', { duckdb: 'v2' })).rejects.toMatchObject({ sqlState: '0A000' });
    await expect(cluster.register('a', { protocol: 99 })).rejects.toThrow('protocol 99');
    expect(cluster.events).toEqual([]);
  });

  it('keeps a worker that reports', async () => {
    await cluster.register('a');
    await cluster.pass(20_000, 'a');
    expect(cluster.events).toEqual(['joined a']);
    expect(cluster.probes).toBe(0);
  });

  it('suspects a silent worker, asks it, and trusts it again when it answers', async () => {
    await cluster.register('a');
    await cluster.pass(2_000);
    expect(cluster.events.slice(0, 3)).toEqual(['joined a', 'suspect a', 'joined a']);
    expect(cluster.standing('a')).toBe('alive');
  });

  it('loses a worker that stands still, within seconds', async () => {
    cluster.answers.set('a', 'silent');
    await cluster.register('a');
    await cluster.register('b');
    await cluster.pass(3_000, 'b');
    expect(cluster.standing('a')).toBe('suspect');
    await cluster.pass(1_500, 'b');
    expect(cluster.events).toEqual(['joined a', 'joined b', 'suspect a', 'lost a']);
    expect(await cluster.beat('a')).toBe(false);
  });

  it('loses a worker at once when its address refuses', async () => {
    cluster.answers.set('a', 'refused');
    await cluster.register('a');
    cluster.membership.reportUnreachable(workerId('a'));
    expect(cluster.events).toEqual(['joined a', 'suspect a']);
    await cluster.clock.advance(1);
    expect(cluster.events).toEqual(['joined a', 'suspect a', 'lost a']);
  });

  it('keeps a worker after a broken call when it answers', async () => {
    await cluster.register('a');
    cluster.membership.reportUnreachable(workerId('a'));
    cluster.membership.reportUnreachable(workerId('a'));
    await cluster.clock.advance(1);
    expect(cluster.events).toEqual(['joined a', 'suspect a', 'joined a']);
    expect(cluster.probes).toBe(1);
  });

  it('loses a worker whose address is answered by another', async () => {
    cluster.answers.set('a', 'stranger');
    await cluster.register('a');
    cluster.membership.reportUnreachable(workerId('a'));
    await cluster.clock.advance(1);
    expect(cluster.events).toContain('lost a');
  });

  it('takes a lost worker back when it registers again', async () => {
    cluster.answers.set('a', 'silent');
    await cluster.register('a');
    await cluster.pass(5_000);
    expect(cluster.standing('a')).toBeUndefined();
    await cluster.register('a');
    expect(cluster.standing('a')).toBe('alive');
    expect(cluster.events.at(-1)).toBe('joined a');
  });

  it('knows that a restarted process has lost what the one before held', async () => {
    await cluster.register('a');
    await cluster.register('a', { pid: 2 });
    expect(cluster.events).toEqual(['joined a', 'lost a', 'joined a']);
    await cluster.register('b', { url: 'http://a', pid: 3 });
    expect(cluster.events.slice(3)).toEqual(['lost a', 'joined b']);
  });

  it('does not lose a worker that registers twice', async () => {
    await cluster.register('a');
    await cluster.register('a');
    expect(cluster.events).not.toContain('lost a');
  });

  it('does not blame workers for its own standstill', async () => {
    cluster.answers.set('a', 'silent');
    await cluster.register('a');
    await cluster.clock.stall(10_000);
    expect(cluster.events).toEqual(['joined a']);
    await cluster.pass(1_000, 'a');
    expect(cluster.events).toEqual(['joined a']);
  });

  it('loses a silent worker also when its own ticks are always late', async () => {
    cluster.answers.set('a', 'silent');
    await cluster.register('a');
    for (let tick = 0; tick < 20; tick += 1) await cluster.clock.stall(1_500);
    expect(cluster.events.at(-1)).toBe('lost a');
  });

  it('drains on leave and on a draining heartbeat', async () => {
    await cluster.register('a');
    await cluster.register('b');
    await cluster.membership.leave('a');
    await cluster.beat('b', true);
    expect(cluster.events.slice(2)).toEqual(['draining a', 'draining b']);
    await cluster.beat('a');
    expect(cluster.standing('a')).toBe('draining');
    expect(cluster.membership.aliveCount()).toBe(0);
  });

  it('keeps workers of its own process without heartbeats until they stop', async () => {
    const registration = create(RegisterRequestSchema, {
      workerId: 'in',
      duckdbVersion: 'v1',
      protocolVersion,
    });
    const client: WorkerClient = {
      runTask: () => Promise.reject(new Error('not used')),
      dropQuery: () => Promise.resolve(),
      getStatus: () => Promise.resolve(create(WorkerStatusSchema, { workerId: 'in', runningTasks: 7 })),
    };
    const stop = cluster.membership.addInProcess(registration, client);
    await cluster.pass(10_000);
    cluster.membership.reportUnreachable(workerId('in'));
    expect(cluster.events).toEqual(['joined in']);
    expect(await cluster.membership.describe(AbortSignal.timeout(1_000))).toMatchObject([
      { id: 'in', state: 'alive', runningTasks: 7 },
    ]);
    stop();
    stop();
    expect(cluster.events).toEqual(['joined in', 'lost in']);
  });

  it('lists a lost worker for a while', async () => {
    cluster.answers.set('a', 'refused');
    await cluster.register('a');
    await cluster.pass(5_000);
    const listed = async () =>
      (await cluster.membership.describe(AbortSignal.timeout(1_000))).map(
        ({ id, state }) => `${id} ${state}`,
      );
    expect(await listed()).toEqual(['a lost']);
    await cluster.pass(70_000);
    expect(await listed()).toEqual([]);
  });

  it('does not list a worker that said it leaves', async () => {
    cluster.answers.set('a', 'refused');
    await cluster.register('a');
    await cluster.membership.leave('a');
    await cluster.pass(5_000);
    expect(cluster.events).toEqual(['joined a', 'draining a', 'lost a']);
    expect(await cluster.membership.describe(AbortSignal.timeout(1_000))).toEqual([]);
  });

  it('leaves no timer behind', () => {
    const other = new Cluster();
    other.membership.close();
    expect(other.clock.timers).toBe(0);
  });
});
