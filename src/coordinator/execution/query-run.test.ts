import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { SkeinError, type WorkerId, workerId } from '../../common/index.ts';
import {
  LostInputError,
  type PartitionRef,
  PartitionRefSchema,
  protocolVersion,
  RegisterRequestSchema,
  type RunTaskRequest,
  type RunTaskResponse,
  RunTaskResponseSchema,
  TaskStatsSchema,
  type WorkerClient,
  WorkerStatusSchema,
} from '../../rpc/index.ts';
import { scalar } from '../../types/index.ts';
import { FakeClock } from '../fake-clock.ts';
import { Membership } from '../members/index.ts';
import { defaultScheduleLimits } from '../scheduler/index.ts';
import type { ExecutionPlan, ExecutionStage } from './execution-plan.ts';
import { QueryRun, type QueryRunOptions, type RootAttempt } from './query-run.ts';

const columns = [{ name: 'a', type: scalar('INTEGER') }];
const operators = { kind: 'test', details: [], estimatedRows: undefined, children: [] };

function stage(id: number, change: Partial<ExecutionStage>): ExecutionStage {
  return {
    id,
    sql: `SELECT ${id}`,
    inputs: [],
    columns,
    output: { kind: 'gather' },
    taskCount: 1,
    deterministic: true,
    ordered: false,
    describe: () => ({ operators, estimatedRows: 1, estimatedBytes: 1 }),
    ...change,
  };
}

/** Stage 10 in two tasks, hashed into two; stage 11 in two tasks; the root. Ids differ from positions. */
function makePlan(deterministic = true): ExecutionPlan {
  return {
    columns,
    notes: [],
    bypassed: false,
    original: false,
    stages: [
      stage(10, {
        taskCount: 2,
        deterministic,
        output: { kind: 'hash', keys: ['c0'], labels: ['a'], partitions: 2 },
      }),
      stage(11, { taskCount: 2, inputs: [{ kind: 'stage', name: 'in', stage: 0, read: 'partition' }] }),
      stage(12, {
        inputs: [{ kind: 'stage', name: 'in', stage: 1, read: 'all' }],
        output: { kind: 'result' },
      }),
    ],
  };
}

type Answer = (request: RunTaskRequest, signal: AbortSignal, worker: WorkerId) => Promise<RunTaskResponse>;

/** A cluster whose workers answer as told; by default every task gives one row a partition. */
class Cluster {
  readonly clock = new FakeClock();
  readonly started: string[] = [];
  readonly released: string[] = [];
  answer: Answer = async (request, _signal, worker) => succeed(request, worker);
  readonly members = new Membership({
    clock: this.clock,
    duckdbVersion: 'v1',
    dataRoots: [],
    connect: () => this.#client(workerId('remote')),
  });
  readonly #stops = new Map<string, () => void>();

  constructor(...workers: string[]) {
    for (const id of workers) this.join(id);
  }

  join(id: string): void {
    const registration = create(RegisterRequestSchema, {
      workerId: id,
      duckdbVersion: 'v1',
      protocolVersion,
    });
    this.#stops.set(id, this.members.addInProcess(registration, this.#client(workerId(id))));
  }

  lose(id: string): void {
    this.#stops.get(id)?.();
  }

  run(plan: ExecutionPlan = makePlan(), replan?: QueryRunOptions['replan']): QueryRun {
    const run = new QueryRun({
      ...(replan === undefined ? {} : { replan }),
      plan,
      queryId: 'q',
      settings: { TimeZone: 'UTC' },
      members: this.members,
      clock: this.clock,
      limits: defaultScheduleLimits,
      rotation: 0,
      maxRestarts: 2,
      wireType: (type) => type,
      onReleased: (id, workers) => this.released.push(`${id}: ${[...workers].sort().join(' ')}`),
    });
    run.start();
    return run;
  }

  #client(worker: WorkerId): WorkerClient {
    return {
      runTask: (request, signal) => {
        this.started.push(name(request));
        return this.answer(request, signal, worker);
      },
      dropQuery: () => Promise.resolve(),
      getStatus: () => Promise.resolve(create(WorkerStatusSchema, { workerId: worker })),
    };
  }
}

function name({ attempt }: RunTaskRequest): string {
  return `${attempt?.queryId}.${attempt?.stageId}.${attempt?.task}.${attempt?.attempt}`;
}

function succeed(
  request: RunTaskRequest,
  worker: WorkerId,
  stats: MessageInitShape<typeof TaskStatsSchema> = {},
): RunTaskResponse {
  const count = request.output?.partitions ?? 1;
  const partitions = Array.from({ length: count }, (_, partition) =>
    create(PartitionRefSchema, {
      ...(request.attempt === undefined ? {} : { producer: request.attempt }),
      partition,
      workerId: worker,
      rows: 1n,
      files: [{ name: 'f', bytes: 10n, rows: 1n }],
    }),
  );
  return create(RunTaskResponseSchema, {
    partitions,
    stats: { outputRows: BigInt(count), rowsByInput: { in: BigInt(inputs(request).length) }, ...stats },
  });
}

function inputs(request: RunTaskRequest): readonly PartitionRef[] {
  return request.inputs.flatMap(({ source }) => (source.case === 'exchange' ? source.value.partitions : []));
}

function finishRoot(run: QueryRun, root: RootAttempt): void {
  const rows = BigInt(inputs(root.request).length);
  run.rootSucceeded(root, create(TaskStatsSchema, { rowsByInput: { in: rows } }));
}

describe('QueryRun', () => {
  it('gives every task its own partitions of every producer, and the root all', async () => {
    const cluster = new Cluster('a', 'b');
    const seen = new Map<string, string[]>();
    cluster.answer = async (request, _signal, worker) => {
      seen.set(
        name(request),
        inputs(request).map((ref) => `${ref.producer?.stageId}.${ref.producer?.task} p${ref.partition}`),
      );
      expect(request.settings).toEqual({ TimeZone: 'UTC' });
      return succeed(request, worker);
    };
    const run = cluster.run();
    const root = await run.nextRoot();
    expect(seen.get('q.11.0.0')).toEqual(['10.0 p0', '10.1 p0']);
    expect(seen.get('q.11.1.0')).toEqual(['10.0 p1', '10.1 p1']);
    expect(inputs(root.request).map((ref) => ref.producer?.task)).toEqual([0, 1]);
    finishRoot(run, root);
    expect(await run.ended).toEqual({ kind: 'completed' });
    expect(cluster.released).toEqual(['q: a b']);
    expect(cluster.clock.timers).toBe(1);
  });

  it('runs a failed task elsewhere', async () => {
    const cluster = new Cluster('a', 'b');
    const workers: string[] = [];
    cluster.answer = async (request, _signal, worker) => {
      if (request.attempt?.stageId !== 10 || request.attempt.task !== 0) return succeed(request, worker);
      workers.push(worker);
      if (workers.length === 1) throw new SkeinError('53200', 'out of memory', { retry: 'task' });
      return succeed(request, worker);
    };
    const run = cluster.run();
    finishRoot(run, await run.nextRoot());
    expect(workers).toEqual(['a', 'b']);
    expect(run.retries).toBe(1);
  });

  it('ends on a deterministic error with that error, and aborts the rest', async () => {
    const cluster = new Cluster('a', 'b');
    let aborted = false;
    cluster.answer = (request, signal) => {
      if (request.attempt?.task === 0) return Promise.reject(new SkeinError('22012', 'division by zero'));
      return new Promise((_, reject) =>
        signal.addEventListener('abort', () => {
          aborted = true;
          reject(signal.reason as Error);
        }),
      );
    };
    const run = cluster.run();
    await expect(run.nextRoot()).rejects.toMatchObject({ sqlState: '22012' });
    expect(await run.ended).toMatchObject({ kind: 'failed', error: { message: 'division by zero' } });
    expect(aborted).toBe(true);
    expect(cluster.released).toEqual(['q: a b']);
  });

  it('recomputes what a reader could not read', async () => {
    const cluster = new Cluster('a', 'b');
    let failed = false;
    cluster.answer = async (request, _signal, worker) => {
      const [, lost] = inputs(request);
      if (request.attempt?.stageId === 11 && !failed && lost !== undefined) {
        failed = true;
        throw new LostInputError('58030', 'gone', [lost]);
      }
      return succeed(request, worker);
    };
    const run = cluster.run();
    finishRoot(run, await run.nextRoot());
    expect(cluster.started).toContain('q.10.1.1');
    expect(cluster.started).not.toContain('q.10.0.1');
    expect(await run.ended).toEqual({ kind: 'completed' });
  });

  it('recomputes for the root, and gives it another try', async () => {
    const cluster = new Cluster('a', 'b');
    const run = cluster.run();
    const first = await run.nextRoot();
    const [lost] = inputs(first.request);
    run.rootFailed(first, new LostInputError('58030', 'gone', lost ? [lost] : []));
    const waiting = run.nextRoot();
    await cluster.clock.advance(1_000);
    const second = await waiting;
    expect(second.attempt).toBe(1);
    expect(inputs(second.request).map((ref) => ref.producer?.attempt)).toEqual([1, 0]);
    finishRoot(run, second);
    expect(await run.ended).toEqual({ kind: 'completed' });
  });

  it('fails once the client has rows', async () => {
    const cluster = new Cluster('a', 'b');
    const run = cluster.run();
    const root = await run.nextRoot();
    run.markRowsSent();
    run.rootFailed(root, new SkeinError('58030', 'gone', { retry: 'query' }));
    expect(await run.ended).toMatchObject({ kind: 'failed', error: { sqlState: '58030' } });
  });

  it('restarts under another id when only the whole query can run again', async () => {
    const cluster = new Cluster('a', 'b');
    const run = cluster.run(makePlan(false));
    const root = await run.nextRoot();
    cluster.lose('a');
    const lost = inputs(root.request).filter((ref) => ref.workerId === 'a');
    expect(lost).not.toHaveLength(0);
    run.rootFailed(root, new LostInputError('58030', 'gone', lost));
    const waiting = run.nextRoot();
    await cluster.clock.advance(1_000);
    const again = await waiting;
    expect(again.request.attempt?.queryId).toBe('q-1');
    expect(cluster.released).toEqual(['q: a b']);
    run.rootSucceeded(root, undefined);
    expect(run.end).toBeUndefined();
    finishRoot(run, again);
    expect(await run.ended).toEqual({ kind: 'completed' });
    expect(cluster.released).toEqual(['q: a b', 'q-1: b']);
  });

  it('takes another plan for the restart when the fragments of one cannot be run', async () => {
    const cluster = new Cluster('a', 'b');
    cluster.answer = async (request, _signal, worker) => {
      if (request.sql === 'SELECT 11') throw new SkeinError('42883', 'no function of this name');
      return succeed(request, worker);
    };
    const causes: string[] = [];
    const simple: ExecutionPlan = {
      ...makePlan(),
      original: true,
      stages: [stage(7, {}), stage(8, { inputs: [{ kind: 'stage', name: 'in', stage: 0, read: 'all' }] })],
    };
    const run = cluster.run(makePlan(), async (cause) => {
      causes.push(cause.message);
      // Who comes or goes meanwhile is seen by the new plan's start.
      cluster.join('c');
      return simple;
    });
    const root = await run.nextRoot();
    expect(root.request.sql).toBe('SELECT 8');
    expect(run.plan).toBe(simple);
    finishRoot(run, root);
    expect(await run.ended).toEqual({ kind: 'completed' });
    expect(causes).toEqual(['no function of this name']);
  });

  it("takes such an error for the user's where the query runs as it was written", async () => {
    const cluster = new Cluster('a', 'b');
    cluster.answer = () => Promise.reject(new SkeinError('42883', 'no function of this name'));
    const run = cluster.run({ ...makePlan(), original: true }, () => Promise.reject(new Error('not asked')));
    await expect(run.nextRoot()).rejects.toMatchObject({ sqlState: '42883' });
  });

  it('ends when there is no other plan', async () => {
    const cluster = new Cluster('a', 'b');
    cluster.answer = () => Promise.reject(new SkeinError('58030', 'changed', { retry: 'query' }));
    const run = cluster.run(makePlan(), () => Promise.reject(new SkeinError('58P01', 'gone')));
    await expect(run.nextRoot()).rejects.toMatchObject({ sqlState: '58P01' });
    expect(cluster.released).toEqual(['q: a b', 'q-1: ']);
  });

  it('can be canceled while it is planned again', async () => {
    const cluster = new Cluster('a', 'b');
    cluster.answer = () => Promise.reject(new SkeinError('58030', 'changed', { retry: 'query' }));
    let planned: (plan: ExecutionPlan) => void = () => {};
    const run = cluster.run(makePlan(), () => new Promise((resolve) => (planned = resolve)));
    await cluster.clock.advance(1);
    run.cancel();
    planned(makePlan());
    await expect(run.nextRoot()).rejects.toMatchObject({ sqlState: '57014' });
    expect(cluster.started).toHaveLength(2);
  });

  it('moves on when a worker is lost, and ignores what it still says', async () => {
    const cluster = new Cluster('a', 'b');
    const late: (() => void)[] = [];
    cluster.answer = (request, _signal, worker) =>
      worker === 'a'
        ? new Promise((resolve) => late.push(() => resolve(succeed(request, worker))))
        : Promise.resolve(succeed(request, worker));
    const run = cluster.run();
    await cluster.clock.advance(1);
    cluster.lose('a');
    for (const report of late) report();
    const root = await run.nextRoot();
    expect(inputs(root.request).map((ref) => ref.workerId)).toEqual(['b', 'b']);
    finishRoot(run, root);
    expect(await run.ended).toEqual({ kind: 'completed' });
    expect(run.log.all().filter(({ state }) => state === 'lost')).toHaveLength(1);
  });

  it('waits for workers, and fails clearly without', async () => {
    const cluster = new Cluster();
    const waiting = cluster.run();
    await cluster.clock.advance(2_000);
    cluster.join('a');
    finishRoot(waiting, await waiting.nextRoot());

    cluster.lose('a');
    const run = cluster.run();
    await cluster.clock.advance(10_000);
    await expect(run.nextRoot()).rejects.toMatchObject({ sqlState: '57P03' });
  });

  it('aborts everything when canceled', async () => {
    const cluster = new Cluster('a', 'b');
    const signals: AbortSignal[] = [];
    cluster.answer = (_request, signal) => {
      signals.push(signal);
      return new Promise(() => {});
    };
    const run = cluster.run();
    await cluster.clock.advance(1);
    run.cancel();
    run.cancel();
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true]);
    await expect(run.nextRoot()).rejects.toMatchObject({ sqlState: '57014' });
    expect(cluster.released).toEqual(['q: a b']);
  });

  it('never takes a short read for an answer', async () => {
    const cluster = new Cluster('a', 'b');
    let short = 2;
    cluster.answer = async (request, _signal, worker) => {
      if (request.attempt?.stageId === 11 && short > 0) {
        short -= 1;
        return succeed(request, worker, { rowsByInput: { in: 1n } });
      }
      return succeed(request, worker);
    };
    const run = cluster.run();
    const root = await run.nextRoot();
    expect(run.retries).toBe(2);
    expect(() => run.rootSucceeded(root, create(TaskStatsSchema, { rowsByInput: { in: 1n } }))).toThrow(
      'rows are missing',
    );
    expect(run.end).toBeUndefined();
  });

  it('never takes a short write for an answer', async () => {
    const cluster = new Cluster('a');
    cluster.answer = async (request, _signal, worker) => succeed(request, worker, { outputRows: 99n });
    const run = cluster.run();
    await cluster.clock.advance(60_000);
    await expect(run.nextRoot()).rejects.toMatchObject({ sqlState: 'XX000' });
  });
});
