import { describe, expect, it } from 'vitest';
import { SkeinError, type WorkerId, workerId } from '../../common/index.ts';
import { schedule } from './schedule.ts';
import {
  type AttemptFailure,
  defaultScheduleLimits,
  initialSchedule,
  type ScheduleEffect,
  type ScheduleEvent,
  type SchedulePlan,
  type ScheduleState,
} from './schedule-state.ts';

type Untimed = ScheduleEvent extends infer E ? (E extends ScheduleEvent ? Omit<E, 'now'> : never) : never;

const a = workerId('a');
const b = workerId('b');
const c = workerId('c');

/** scan (3 tasks) -> aggregate (3 tasks) -> root */
const twoStages: SchedulePlan = {
  stages: [
    { tasks: 3, inputs: [], deterministic: true },
    { tasks: 3, inputs: [0], deterministic: true },
    { tasks: 1, inputs: [1], deterministic: true },
  ],
};

describe('a worker that has the files near', () => {
  const near = (plan: SchedulePlan): SchedulePlan => ({
    stages: plan.stages.map((stage, index) => (index === 0 ? { ...stage, near: [c, a, b] } : stage)),
  });
  const launched = (effects: readonly ScheduleEffect[]): readonly WorkerId[] =>
    effects.flatMap((effect) => (effect.kind === 'launchTask' ? [effect.worker] : []));

  it('gets the task', () => {
    expect(launched(new Run(near(twoStages)).send({ kind: 'started' }))).toEqual([c, a, b]);
  });

  it('is waited for when it is busy, also by a task that others could take', () => {
    const slotsPerWorker = defaultScheduleLimits.slotsPerWorker;
    const leaves = Array.from({ length: slotsPerWorker + 1 }, () => ({
      tasks: 1,
      inputs: [],
      deterministic: true,
      near: [c],
    }));
    const root = { tasks: 1, inputs: [...leaves.keys()], deterministic: true };
    const run = new Run({ stages: [...leaves, root] });
    expect(launched(run.start())).toEqual(Array.from({ length: slotsPerWorker }, () => c));
    expect(launched(run.finish(1))).toEqual([c]);
  });

  it('is not waited for by a task that failed there', () => {
    const run = new Run(near(twoStages));
    run.start();
    run.fail(0, 0, 0, failure('task', { hostFault: true }));
    const again = run.all.flatMap((effect) =>
      effect.kind === 'launchTask' && effect.task === 0 && effect.attempt === 1 ? [effect.worker] : [],
    );
    expect(again).toEqual([a]);
  });

  it('is passed over when it is gone', () => {
    const run = new Run(near(twoStages), [a, b]);
    expect(launched(run.send({ kind: 'started' })).slice(1)).toEqual([a, b]);
  });
});

class Run {
  state: ScheduleState;
  now = 0;
  all: ScheduleEffect[] = [];

  constructor(plan: SchedulePlan = twoStages, workers: readonly WorkerId[] = [a, b, c]) {
    this.state = initialSchedule(plan, new Map(workers.map((worker) => [worker, 'alive'])));
  }

  send(event: Untimed): readonly ScheduleEffect[] {
    const step = schedule(this.state, { ...event, now: this.now } as ScheduleEvent);
    this.state = step.state;
    this.all.push(...step.effects);
    return step.effects;
  }

  start(): readonly ScheduleEffect[] {
    return this.send({ kind: 'started' });
  }

  /** Ends the running attempts of a stage well. */
  finish(stage: number): readonly ScheduleEffect[] {
    let last: readonly ScheduleEffect[] = [];
    for (const [task, { state }] of [...(this.state.stages[stage]?.records ?? [])].entries()) {
      if (state.kind !== 'running') continue;
      last = this.send({ kind: 'taskSucceeded', stage, task, attempt: state.attempt, holder: state.worker });
    }
    return last;
  }

  fail(stage: number, task: number, attempt: number, failure: AttemptFailure): readonly ScheduleEffect[] {
    return this.send({ kind: 'taskFailed', stage, task, attempt, failure });
  }

  kinds(stage: number): readonly string[] {
    return (this.state.stages[stage]?.records ?? []).map(({ state }) => state.kind);
  }
}

function failure(retry: AttemptFailure['retry'], change: Partial<AttemptFailure> = {}): AttemptFailure {
  return { retry, hostFault: false, lost: [], cause: new SkeinError('XX000', `test ${retry}`), ...change };
}

const launches = (effects: readonly ScheduleEffect[]) =>
  effects.flatMap((effect) =>
    effect.kind === 'launchTask' ? [`${effect.stage}.${effect.task}.${effect.attempt}@${effect.worker}`] : [],
  );
const aborts = (effects: readonly ScheduleEffect[]) =>
  effects.flatMap((effect) =>
    effect.kind === 'abortAttempt' ? [`${effect.stage}.${effect.task}.${effect.attempt}`] : [],
  );
const failed = (effects: readonly ScheduleEffect[]) => effects.find((effect) => effect.kind === 'fail');

describe('schedule', () => {
  it('runs stages in order, one task a worker, and ends with the root', () => {
    const run = new Run();
    expect(launches(run.start())).toEqual(['0.0.0@a', '0.1.0@b', '0.2.0@c']);
    expect(launches(run.finish(0))).toEqual(['1.0.0@a', '1.1.0@b', '1.2.0@c']);
    expect(run.finish(1)).toEqual([
      { kind: 'startRoot', attempt: 0, inputs: [{ stage: 1, attempts: [0, 0, 0] }] },
    ]);
    expect(run.send({ kind: 'rootSucceeded', attempt: 0 })).toEqual([{ kind: 'completed' }]);
    expect(run.state.phase).toBe('ended');
  });

  it('does not start a stage while a task of its input is out', () => {
    const run = new Run();
    run.start();
    run.send({ kind: 'taskSucceeded', stage: 0, task: 0, attempt: 0, holder: a });
    expect(launches(run.send({ kind: 'taskSucceeded', stage: 0, task: 2, attempt: 0, holder: c }))).toEqual(
      [],
    );
  });

  it('runs independent stages side by side and levels the load', () => {
    const plan: SchedulePlan = {
      stages: [
        { tasks: 1, inputs: [], deterministic: true },
        { tasks: 2, inputs: [], deterministic: true },
        { tasks: 1, inputs: [0, 1], deterministic: true },
      ],
    };
    expect(launches(new Run(plan).start())).toEqual(['0.0.0@a', '1.0.0@b', '1.1.0@c']);
  });

  it('starts with another worker in another rotation', () => {
    const state = initialSchedule(twoStages, new Map([a, b, c].map((w) => [w, 'alive' as const])), 2);
    const { effects } = schedule(state, { kind: 'started', now: 0 });
    expect(launches(effects)).toEqual(['0.0.0@c', '0.1.0@a', '0.2.0@b']);
  });

  it('keeps to the slots of a worker and goes on when one is free', () => {
    const plan: SchedulePlan = {
      stages: [
        { tasks: 6, inputs: [], deterministic: true },
        { tasks: 1, inputs: [0], deterministic: true },
      ],
    };
    const run = new Run(plan, [a]);
    expect(launches(run.start())).toHaveLength(4);
    expect(launches(run.send({ kind: 'taskSucceeded', stage: 0, task: 1, attempt: 0, holder: a }))).toEqual([
      '0.4.0@a',
    ]);
  });

  it('runs a query without stages on the coordinator alone, also without workers', () => {
    const run = new Run({ stages: [{ tasks: 1, inputs: [], deterministic: true }] }, []);
    expect(run.start()).toEqual([{ kind: 'startRoot', attempt: 0, inputs: [] }]);
  });

  describe('failures', () => {
    it('ends at once on a deterministic error and aborts the other attempts', () => {
      const run = new Run();
      run.start();
      const effects = run.fail(0, 1, 0, failure('never'));
      expect(aborts(effects)).toEqual(['0.0.0', '0.2.0']);
      expect(failed(effects)).toMatchObject({ restart: false });
    });

    it('runs a failed task on another worker, with a new attempt number', () => {
      const run = new Run();
      run.start();
      const [relaunched] = launches(run.fail(0, 0, 0, failure('task')));
      expect(relaunched).toBe('0.0.1@b');
    });

    it('gives up after the allowed tries, with the last error', () => {
      const run = new Run();
      run.start();
      for (let attempt = 0; attempt < 3; attempt += 1) {
        run.fail(0, 0, attempt, failure('task'));
        run.now += 10_000;
        run.send({ kind: 'tick' });
        expect(run.state.phase).toBe('running');
      }
      const cause = new SkeinError('53200', 'out of memory', { retry: 'task' });
      expect(failed(run.fail(0, 0, 3, failure('task', { cause })))).toMatchObject({ error: cause });
    });

    it('does not count the faults of hosts against the task', () => {
      const run = new Run();
      run.start();
      for (let attempt = 0; attempt < 8; attempt += 1) {
        run.fail(0, 0, attempt, failure('task', { hostFault: true }));
        run.now += 10_000;
        run.send({ kind: 'tick' });
      }
      expect(run.state.phase).toBe('running');
      expect(run.kinds(0)).toEqual(['running', 'running', 'running']);
    });

    it('but not without end', () => {
      const run = new Run();
      run.start();
      for (let attempt = 0; attempt < 16; attempt += 1) {
        run.fail(0, 0, attempt, failure('task', { hostFault: true }));
        run.now += 10_000;
        run.send({ kind: 'tick' });
      }
      expect(run.state.phase).toBe('ended');
    });

    it('waits before it tries again where it failed', () => {
      const run = new Run(twoStages, [a]);
      run.start();
      const effects = run.fail(0, 0, 0, failure('task'));
      expect(launches(effects)).toEqual([]);
      expect(run.state.wakeAt).toBe(50);
      run.now = 50;
      expect(launches(run.send({ kind: 'tick' }))).toEqual(['0.0.1@a']);
      expect(run.state.wakeAt).toBeUndefined();
    });

    it('ignores late and repeated reports', () => {
      const run = new Run();
      run.start();
      run.fail(0, 0, 0, failure('task'));
      const before = run.state;
      expect(run.send({ kind: 'taskSucceeded', stage: 0, task: 0, attempt: 0, holder: a })).toEqual([]);
      expect(run.fail(0, 0, 0, failure('never'))).toEqual([]);
      expect(run.fail(9, 0, 0, failure('never'))).toEqual([]);
      expect(run.state.stages).toEqual(before.stages);
      run.finish(0);
      expect(run.send({ kind: 'taskSucceeded', stage: 0, task: 0, attempt: 1, holder: c })).toEqual([]);
    });

    it('asks for a restart when only the whole query can run again', () => {
      const run = new Run();
      run.start();
      expect(failed(run.fail(0, 0, 0, failure('query')))).toMatchObject({ restart: true });
    });
  });

  describe('lost inputs', () => {
    it('recomputes exactly the lost task and then the reader', () => {
      const run = new Run();
      run.start();
      run.finish(0);
      const lost = [{ stage: 0, task: 1, attempt: 0 }];
      expect(launches(run.fail(1, 2, 0, failure('stage', { lost })))).toEqual(['0.1.1@c']);
      expect(run.kinds(1)).toEqual(['running', 'running', 'waiting']);
      const effects = run.send({ kind: 'taskSucceeded', stage: 0, task: 1, attempt: 1, holder: c });
      expect(effects).toMatchObject([
        { kind: 'launchTask', stage: 1, task: 2, attempt: 1, inputs: [{ stage: 0, attempts: [0, 1, 0] }] },
      ]);
    });

    it('only runs the reader again when the attempt it missed was replaced meanwhile', () => {
      const run = new Run();
      run.start();
      run.finish(0);
      const lost = [{ stage: 0, task: 1, attempt: 0 }];
      run.fail(1, 2, 0, failure('stage', { lost }));
      run.finish(0);
      expect(launches(run.fail(1, 0, 0, failure('stage', { lost })))).toEqual(['1.0.1@a']);
    });

    it('gives up when an input is gone again and again', () => {
      const run = new Run();
      run.start();
      run.finish(0);
      for (let round = 0; run.state.phase === 'running' && round < 50; round += 1) {
        run.now += 10_000;
        run.send({ kind: 'tick' });
        run.finish(0);
        const reader = run.state.stages[1]?.records[0]?.state;
        const input = run.state.stages[0]?.records[0]?.state;
        if (reader?.kind !== 'running' || input?.kind !== 'finished') continue;
        const lost = [{ stage: 0, task: 0, attempt: input.attempt }];
        run.fail(1, 0, reader.attempt, failure('stage', { lost }));
      }
      expect(run.state.phase).toBe('ended');
      expect(failed(run.all)).toBeDefined();
    });

    it('recomputes for the root while no row is out, and fails once one is', () => {
      const run = new Run();
      run.start();
      run.finish(0);
      run.finish(1);
      const lost = [{ stage: 1, task: 0, attempt: 0 }];
      const gone = failure('stage', { lost });
      expect(launches(run.send({ kind: 'rootFailed', attempt: 0, failure: gone, rowsSent: false }))).toEqual([
        '1.0.1@b',
      ]);
      run.now += 1_000;
      expect(run.finish(1)).toMatchObject([
        { kind: 'startRoot', attempt: 1, inputs: [{ stage: 1, attempts: [1, 0, 0] }] },
      ]);
      const effects = run.send({ kind: 'rootFailed', attempt: 1, failure: gone, rowsSent: true });
      expect(effects).toEqual([{ kind: 'fail', error: gone.cause, restart: false }]);
    });
  });

  describe('workers', () => {
    it('moves the running attempts of a lost worker', () => {
      const run = new Run();
      run.start();
      const effects = run.send({ kind: 'workerLost', worker: b });
      expect(aborts(effects)).toEqual(['0.1.0']);
      expect(launches(effects)).toEqual(['0.1.1@a']);
      expect(run.send({ kind: 'taskSucceeded', stage: 0, task: 1, attempt: 0, holder: b })).toEqual([]);
    });

    it('recomputes what a lost worker held, through all stages, when a task that has not started needs it', () => {
      const plan: SchedulePlan = {
        stages: [
          { tasks: 2, inputs: [], deterministic: true },
          { tasks: 2, inputs: [0], deterministic: true },
          { tasks: 2, inputs: [1], deterministic: true },
          { tasks: 1, inputs: [2], deterministic: true },
        ],
      };
      const run = new Run(plan, [a, b]);
      run.start();
      run.finish(0);
      run.send({ kind: 'taskSucceeded', stage: 1, task: 1, attempt: 0, holder: b });
      // 1.0 was running on a: it starts again, so both it and the rest of stage 0 that a held are needed.
      expect(launches(run.send({ kind: 'workerLost', worker: a }))).toEqual(['0.0.1@b']);
      expect(launches(run.finish(0))).toEqual(['1.0.1@b']);
      expect(launches(run.finish(1))).toEqual(['2.0.0@b', '2.1.0@b']);
    });

    it('does not recompute what nobody will read any more', () => {
      // Stage 1 runs; it says so itself if it cannot read what it started with.
      const run = new Run();
      run.start();
      run.finish(0);
      run.send({ kind: 'taskSucceeded', stage: 1, task: 0, attempt: 0, holder: a });
      run.send({ kind: 'taskSucceeded', stage: 1, task: 1, attempt: 0, holder: b });
      run.send({ kind: 'taskSucceeded', stage: 1, task: 2, attempt: 0, holder: b });
      // The root has its inputs.
      expect(launches(run.send({ kind: 'workerLost', worker: c }))).toEqual([]);
      expect(run.kinds(0)).toEqual(['finished', 'finished', 'lost']);
      // It has to start again: of stage 1 it needs what b held, and for that stage 0 what b and c held.
      run.send({ kind: 'workerLost', worker: b });
      const again = run.send({ kind: 'rootFailed', attempt: 0, failure: failure('task'), rowsSent: false });
      expect(launches(again)).toEqual(['0.1.1@a', '0.2.1@a']);
      expect(launches(run.finish(0))).toEqual(['1.1.1@a', '1.2.1@a']);
    });

    it('keeps outputs that no worker holds', () => {
      const run = new Run();
      run.start();
      run.send({ kind: 'taskSucceeded', stage: 0, task: 0, attempt: 0, holder: undefined });
      run.send({ kind: 'workerLost', worker: a });
      expect(run.kinds(0)[0]).toBe('finished');
    });

    it('gives suspect and draining workers no new tasks but takes their results', () => {
      const run = new Run();
      run.start();
      run.send({ kind: 'workerSuspect', worker: a });
      run.send({ kind: 'workerDraining', worker: b });
      expect(launches(run.finish(0)).map((launch) => launch.slice(-1))).toEqual(['c', 'c', 'c']);
      run.send({ kind: 'workerJoined', worker: a });
      expect(launches(run.fail(1, 0, 0, failure('task')))).toEqual(['1.0.1@a']);
    });

    it('uses a worker that joins', () => {
      const run = new Run(twoStages, [a]);
      run.start();
      run.send({ kind: 'workerJoined', worker: b });
      expect(launches(run.fail(0, 0, 0, failure('task')))).toEqual(['0.0.1@b']);
    });

    it('fails clearly after a while without workers', () => {
      const run = new Run(twoStages, [a]);
      run.start();
      run.send({ kind: 'workerLost', worker: a });
      expect(run.state.wakeAt).toBe(5_000);
      run.now = 4_999;
      run.send({ kind: 'tick' });
      expect(run.state.phase).toBe('running');
      run.now = 5_000;
      expect(failed(run.send({ kind: 'tick' }))).toMatchObject({ error: { sqlState: '57P03' } });
    });

    it('goes on when a worker comes in time', () => {
      const run = new Run(twoStages, []);
      run.start();
      run.now = 4_000;
      expect(launches(run.send({ kind: 'workerJoined', worker: b }))).toHaveLength(3);
      expect(run.state.wakeAt).toBeUndefined();
    });
  });

  describe('stages that are not deterministic', () => {
    const sampled: SchedulePlan = {
      stages: [
        { tasks: 2, inputs: [], deterministic: false },
        { tasks: 2, inputs: [0], deterministic: true },
        { tasks: 1, inputs: [1], deterministic: true },
      ],
    };

    it('takes running readers back before it recomputes', () => {
      const run = new Run(sampled, [a, b]);
      run.start();
      run.finish(0);
      const lost = [{ stage: 0, task: 0, attempt: 0 }];
      const effects = run.fail(1, 0, 0, failure('stage', { lost }));
      expect(aborts(effects)).toEqual(['1.1.0']);
      expect(launches(effects)).toEqual(['0.0.1@b']);
      expect(launches(run.finish(0))).toHaveLength(2);
    });

    it('restarts the query when a reader has finished', () => {
      const run = new Run(sampled, [a, b]);
      run.start();
      run.finish(0);
      run.send({ kind: 'taskSucceeded', stage: 1, task: 1, attempt: 0, holder: b });
      const lost = [{ stage: 0, task: 0, attempt: 0 }];
      expect(failed(run.fail(1, 0, 0, failure('stage', { lost })))).toMatchObject({ restart: true });
    });

    it('leaves running readers alone while they need nothing', () => {
      const run = new Run(sampled, [a, b, c]);
      run.start();
      run.finish(0);
      // Stage 1 runs on a and b, c holds nothing: losing c changes nothing.
      expect(run.send({ kind: 'workerLost', worker: c })).toEqual([]);
    });
  });

  it('aborts everything when canceled, and then does nothing more', () => {
    const run = new Run();
    run.start();
    expect(aborts(run.send({ kind: 'canceled' }))).toEqual(['0.0.0', '0.1.0', '0.2.0']);
    expect(run.send({ kind: 'workerJoined', worker: workerId('d') })).toEqual([]);
  });

  it('aborts the root when canceled', () => {
    const run = new Run({ stages: [{ tasks: 1, inputs: [], deterministic: true }] });
    run.start();
    expect(run.send({ kind: 'canceled' })).toEqual([
      { kind: 'abortAttempt', stage: 0, task: 0, attempt: 0, worker: undefined },
    ]);
  });

  it('leaves the state before untouched', () => {
    const run = new Run();
    const before = structuredClone(run.state);
    const first = run.state;
    run.start();
    run.finish(0);
    expect(first).toEqual(before);
  });
});
