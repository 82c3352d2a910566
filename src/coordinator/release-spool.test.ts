import { create } from '@bufbuild/protobuf';
import { afterEach, describe, expect, it } from 'vitest';
import { SkeinError, type WorkerId, workerId } from '../common/index.ts';
import { protocolVersion, RegisterRequestSchema, WorkerStatusSchema } from '../rpc/index.ts';
import { FakeClock } from './fake-clock.ts';
import { Membership } from './members/index.ts';
import { SpoolReleaser } from './release-spool.ts';

class Cluster {
  readonly clock = new FakeClock();
  readonly calls: string[] = [];
  /** How a worker takes the news: at once, with an error, never. */
  readonly moods = new Map<string, 'ok' | 'fails' | 'hangs'>();
  readonly members = new Membership({
    clock: this.clock,
    duckdbVersion: 'v1',
    dataRoots: [],
    connect: () => {
      throw new Error('not used');
    },
  });
  readonly releaser = new SpoolReleaser(this.members, this.clock);

  join(id: string): () => void {
    const registration = create(RegisterRequestSchema, {
      workerId: id,
      duckdbVersion: 'v1',
      protocolVersion,
    });
    return this.members.addInProcess(registration, {
      runTask: () => Promise.reject(new Error('not used')),
      getStatus: () => Promise.resolve(create(WorkerStatusSchema, { workerId: id })),
      dropQuery: (query, signal) => {
        this.calls.push(`${id} ${query}`);
        const mood = this.moods.get(id) ?? 'ok';
        if (mood === 'ok') return Promise.resolve();
        if (mood === 'fails') return Promise.reject(new SkeinError('08006', 'no'));
        return new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        );
      },
    });
  }

  /** @returns whether every worker has answered */
  release(query: string, ...workers: string[]): () => boolean {
    let done = false;
    const ids = new Set<WorkerId>(workers.map(workerId));
    void this.releaser.release(query, ids).then(() => {
      done = true;
    });
    return () => done;
  }
}

describe('SpoolReleaser', () => {
  let cluster: Cluster;
  afterEach(() => {
    cluster.releaser.close();
    cluster.members.close();
  });

  it('tells every worker once', async () => {
    cluster = new Cluster();
    cluster.join('a');
    cluster.join('b');
    const done = cluster.release('q', 'a', 'b');
    await cluster.clock.advance(0);
    expect(done()).toBe(true);
    expect(cluster.calls).toEqual(['a q', 'b q']);
  });

  it('asks again until a worker has answered', async () => {
    cluster = new Cluster();
    cluster.join('a');
    cluster.moods.set('a', 'fails');
    const done = cluster.release('q', 'a');
    await cluster.clock.advance(1_000);
    expect(cluster.calls.length).toBeGreaterThan(2);
    expect(done()).toBe(false);
    cluster.moods.set('a', 'hangs');
    await cluster.clock.advance(10_000);
    expect(done()).toBe(false);
    cluster.moods.set('a', 'ok');
    await cluster.clock.advance(10_000);
    expect(done()).toBe(true);
  });

  it('does not wait for a lost worker, and tells it when it comes back', async () => {
    cluster = new Cluster();
    const stop = cluster.join('a');
    cluster.moods.set('a', 'fails');
    const done = cluster.release('q1', 'a');
    await cluster.clock.advance(0);
    stop();
    await cluster.clock.advance(200);
    expect(done()).toBe(true);
    expect(cluster.release('q2', 'a')()).toBe(false);
    cluster.moods.set('a', 'ok');
    cluster.calls.length = 0;
    cluster.join('a');
    await cluster.clock.advance(0);
    expect(cluster.calls).toEqual(['a q1', 'a q2']);
    cluster.calls.length = 0;
    cluster.join('a');
    await cluster.clock.advance(0);
    expect(cluster.calls).toEqual([]);
  });

  it('stops when it is closed', async () => {
    cluster = new Cluster();
    cluster.join('a');
    cluster.moods.set('a', 'fails');
    const done = cluster.release('q', 'a');
    await cluster.clock.advance(0);
    cluster.releaser.close();
    cluster.members.close();
    await cluster.clock.advance(10_000);
    expect(done()).toBe(true);
    expect(cluster.clock.timers).toBe(0);
  });
});
