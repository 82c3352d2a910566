import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SkeinError, type WorkerId, workerId } from '../../common/index.ts';
import { schedule } from './schedule.ts';
import {
  initialSchedule,
  type ScheduleEffect,
  type ScheduleEvent,
  type SchedulePlan,
  type ScheduleState,
  type StageInputs,
  type TaskAttempt,
} from './schedule-state.ts';

/**
 * A world around the scheduler: workers that hold outputs, attempts that are out, a client that reads. Random moves
 * break it; afterwards it is healthy, and the query must come to its end.
 */
class World {
  state: ScheduleState;
  now = 0;
  ended: 'completed' | 'failed' | 'canceled' | undefined;
  restart = false;
  readonly running = new Map<string, Attempt>();
  /** Every attempt ever started, with what it was made from. */
  readonly started = new Map<string, Attempt>();
  /** Reports that were superseded before they came, to be sent late. */
  readonly late: ScheduleEvent[] = [];
  readonly alive = new Set<WorkerId>();
  readonly #plan: SchedulePlan;

  constructor(plan: SchedulePlan, workers: number) {
    this.#plan = plan;
    for (let index = 0; index < workers; index += 1) this.alive.add(workerId(`w${index}`));
    this.state = initialSchedule(plan, new Map([...this.alive].map((worker) => [worker, 'alive'])));
    this.send({ kind: 'started', now: 0 });
  }

  send(event: ScheduleEvent): void {
    const before = this.state;
    const { state, effects } = schedule(before, event);
    this.state = state;
    if (before.phase === 'ended') expect(effects).toEqual([]);
    for (const effect of effects) this.#apply(effect);
    if (event.kind === 'canceled' && before.phase === 'running') this.ended = 'canceled';
    this.#check();
  }

  #apply(effect: ScheduleEffect): void {
    switch (effect.kind) {
      case 'launchTask':
        expect(this.state.workers.get(effect.worker)).toBe('alive');
        this.#launch(effect, effect.worker, effect.inputs);
        return;
      case 'startRoot':
        this.#launch(
          { stage: this.#plan.stages.length - 1, task: 0, attempt: effect.attempt },
          undefined,
          effect.inputs,
        );
        return;
      case 'abortAttempt': {
        const attempt = this.running.get(key(effect));
        expect(attempt).toBeDefined();
        this.running.delete(key(effect));
        this.late.push({ kind: 'taskSucceeded', ...id(effect), holder: effect.worker, now: this.now });
        return;
      }
      case 'wakeAt':
        return;
      case 'fail':
        this.ended = 'failed';
        this.restart = effect.restart;
        return;
      case 'completed':
        this.ended = 'completed';
        return;
      default:
        throw new Error('unknown effect');
    }
  }

  #launch(attempt: TaskAttempt, worker: WorkerId | undefined, inputs: readonly StageInputs[]): void {
    expect(this.started.has(key(attempt))).toBe(false);
    const stage = this.#plan.stages[attempt.stage];
    expect(inputs.map((input) => input.stage)).toEqual(stage?.inputs);
    const random = new Set<string>(stage?.deterministic ? [] : [key(attempt)]);
    const sources: Attempt[] = [];
    for (const input of inputs) {
      expect(input.attempts).toHaveLength(this.#plan.stages[input.stage]?.tasks ?? -1);
      input.attempts.forEach((winner, task) => {
        const source = this.started.get(key({ stage: input.stage, task, attempt: winner }));
        expect(source?.finished).toBe(true);
        if (source === undefined) return;
        sources.push(source);
        for (const origin of source.random) random.add(origin);
      });
    }
    const made: Attempt = { ...id(attempt), worker, sources, random, finished: false };
    this.started.set(key(attempt), made);
    this.running.set(key(attempt), made);
  }

  #check(): void {
    expect(this.state.phase === 'ended').toBe(this.ended !== undefined);
    if (this.ended !== undefined) {
      expect(this.running.size).toBe(0);
      return;
    }
    // Something is always under way: an attempt, or a timer.
    expect(this.running.size > 0 || this.state.wakeAt !== undefined).toBe(true);
    const tasks = [...this.running.values()].map((attempt) => `${attempt.stage}.${attempt.task}`);
    expect(new Set(tasks).size).toBe(tasks.length);
  }

  succeed(attempt: Attempt): void {
    // An attempt can only read what is still there.
    const lost = attempt.sources.filter((source) => source.worker && !this.alive.has(source.worker));
    if (lost.length > 0) {
      this.fail(attempt, 'stage', lost);
      return;
    }
    this.running.delete(key(attempt));
    attempt.finished = true;
    if (attempt.worker === undefined) {
      expectOneWinner(attempt.random);
      this.send({ kind: 'rootSucceeded', attempt: attempt.attempt, now: this.now });
      return;
    }
    this.send({ kind: 'taskSucceeded', ...id(attempt), holder: attempt.worker, now: this.now });
  }

  fail(attempt: Attempt, retry: 'never' | 'task' | 'host' | 'stage', lost: readonly TaskAttempt[]): void {
    this.running.delete(key(attempt));
    const failure = {
      retry: retry === 'host' ? ('task' as const) : retry,
      hostFault: retry === 'host',
      lost: lost.map(id),
      cause: new SkeinError('XX000', retry),
    };
    this.send(
      attempt.worker === undefined
        ? { kind: 'rootFailed', attempt: attempt.attempt, failure, rowsSent: false, now: this.now }
        : { kind: 'taskFailed', ...id(attempt), failure, now: this.now },
    );
  }
}

interface Attempt extends TaskAttempt {
  readonly worker: WorkerId | undefined;
  readonly sources: readonly Attempt[];
  /** Attempts of stages that are not deterministic whose rows are in this one's. */
  readonly random: ReadonlySet<string>;
  finished: boolean;
}

const key = ({ stage, task, attempt }: TaskAttempt): string => `${stage}.${task}.${attempt}`;
const id = ({ stage, task, attempt }: TaskAttempt): TaskAttempt => ({ stage, task, attempt });

/** A result never mixes two attempts of one task of a stage that is not deterministic. */
function expectOneWinner(attempts: ReadonlySet<string>): void {
  const tasks = [...attempts].map((name) => name.slice(0, name.lastIndexOf('.')));
  expect(tasks.length).toBe(new Set(tasks).size);
}

const plans: fc.Arbitrary<SchedulePlan> = fc
  .array(
    fc.record({
      tasks: fc.integer({ min: 1, max: 3 }),
      deterministic: fc.boolean(),
      reads: fc.nat(),
      near: fc.option(fc.array(fc.nat(5), { minLength: 3, maxLength: 3 }), { nil: undefined }),
    }),
    { maxLength: 5 },
  )
  .map((stages) => {
    const read = new Set<number>();
    const made = stages.map(({ tasks, deterministic, reads, near }, position) => {
      const inputs = Array.from({ length: position }, (_, at) => at).filter((at) => (reads >> at) & 1);
      for (const input of inputs) read.add(input);
      return { tasks, deterministic, inputs, near: near?.map((index) => workerId(`w${index}`)) };
    });
    const inputs = made.map((_, at) => at).filter((at) => !read.has(at));
    return { stages: [...made, { tasks: 1, inputs, deterministic: true }] };
  });

type Move =
  | { readonly kind: 'succeed' | 'task' | 'host' | 'stage' | 'never' | 'late'; readonly which: number }
  | { readonly kind: 'join' | 'lose' | 'suspect' | 'drain' | 'back'; readonly which: number }
  | { readonly kind: 'tick'; readonly which: number }
  | { readonly kind: 'cancel'; readonly which: number };

function moves(kinds: readonly Move['kind'][]): fc.Arbitrary<readonly Move[]> {
  return fc.array(
    fc.record({ kind: fc.constantFrom(...kinds), which: fc.nat(1_000) }) as fc.Arbitrary<Move>,
    { maxLength: 60 },
  );
}

function pick<T>(from: Iterable<T>, which: number): T | undefined {
  const all = [...from];
  return all[which % Math.max(1, all.length)];
}

function play(world: World, move: Move): void {
  world.now += 1;
  const { now } = world;
  const attempt = pick(world.running.values(), move.which);
  const worker = pick(world.alive, move.which);
  switch (move.kind) {
    case 'succeed':
      if (attempt) world.succeed(attempt);
      return;
    case 'task':
    case 'host':
    case 'never':
      if (attempt) world.fail(attempt, move.kind, []);
      return;
    case 'stage': {
      // A corrupt partition: the holder is alive and well.
      const source = attempt && pick(attempt.sources, move.which);
      if (attempt && source) world.fail(attempt, 'stage', [source]);
      return;
    }
    case 'late': {
      const report = pick(world.late, move.which);
      if (report) world.send({ ...report, now });
      return;
    }
    case 'join': {
      const joined = workerId(`w${move.which % 6}`);
      world.alive.add(joined);
      world.send({ kind: 'workerJoined', worker: joined, now });
      return;
    }
    case 'lose':
      if (worker === undefined) return;
      world.alive.delete(worker);
      world.send({ kind: 'workerLost', worker, now });
      return;
    case 'suspect':
      if (worker) world.send({ kind: 'workerSuspect', worker, now });
      return;
    case 'drain':
      if (worker) world.send({ kind: 'workerDraining', worker, now });
      return;
    case 'back':
      if (worker) world.send({ kind: 'workerJoined', worker, now });
      return;
    case 'tick':
      world.now += move.which * 5;
      world.send({ kind: 'tick', now: world.now });
      return;
    case 'cancel':
      world.send({ kind: 'canceled', now });
      return;
    default:
      throw new Error('unknown move');
  }
}

/** From here on nothing breaks: the query must end. */
function settle(world: World, withWorkers: boolean): void {
  if (withWorkers) {
    for (const worker of ['w0', 'w1'].map(workerId)) {
      world.alive.add(worker);
      world.send({ kind: 'workerJoined', worker, now: world.now });
    }
  }
  for (let step = 0; world.ended === undefined; step += 1) {
    expect(step).toBeLessThan(2_000);
    world.now += 1;
    const next = pick(world.running.values(), 0);
    if (next !== undefined) world.succeed(next);
    else {
      world.now = Math.max(world.now, world.state.wakeAt ?? Number.NaN);
      world.send({ kind: 'tick', now: world.now });
    }
  }
}

const breaking: readonly Move['kind'][] = [
  'succeed',
  'succeed',
  'task',
  'host',
  'stage',
  'late',
  'join',
  'lose',
  'suspect',
  'drain',
  'back',
  'tick',
];

describe('schedule, over random runs', () => {
  it('always ends, never hangs, never mixes attempts', () => {
    fc.assert(
      fc.property(
        plans,
        fc.integer({ min: 0, max: 3 }),
        moves([...breaking, 'never', 'cancel']),
        fc.boolean(),
        (plan, workers, moved, healthy) => {
          const world = new World(plan, workers);
          for (const move of moved) play(world, move);
          settle(world, healthy);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('completes when only hosts fail, or asks for a restart', () => {
    fc.assert(
      fc.property(
        plans,
        moves(['succeed', 'succeed', 'succeed', 'late', 'join', 'lose', 'suspect', 'back']),
        (plan, moved) => {
          const world = new World(plan, 3);
          for (const move of moved) play(world, move);
          settle(world, true);
          expect(world.ended === 'completed' || world.restart).toBe(true);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('completes without a restart when every stage is deterministic', () => {
    fc.assert(
      fc.property(plans, moves(['succeed', 'succeed', 'late', 'join', 'lose', 'back']), (plan, moved) => {
        const stages = plan.stages.map((stage) => ({ ...stage, deterministic: true }));
        const world = new World({ stages }, 3);
        for (const move of moved) play(world, move);
        settle(world, true);
        expect(world.ended).toBe('completed');
      }),
      { numRuns: 500 },
    );
  });
});
