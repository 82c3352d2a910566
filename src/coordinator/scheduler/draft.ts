import { assert, type WorkerId } from '../../common/index.ts';
import type {
  ScheduleEffect,
  ScheduleLimits,
  ScheduleState,
  StageRecord,
  TaskRecord,
  WorkerStanding,
} from './schedule-state.ts';

/** A state being changed by one event: copies what it touches, so that the state before stays as it was. */
export class Draft {
  readonly now: number;
  readonly limits: ScheduleLimits;
  readonly effects: ScheduleEffect[] = [];
  noWorkersSince: number | undefined;
  readonly #before: ScheduleState;
  readonly #stages: StageRecord[];
  #workers: Map<WorkerId, WorkerStanding> | undefined;
  #ended = false;

  constructor(state: ScheduleState, now: number) {
    this.now = now;
    this.limits = state.limits;
    this.noWorkersSince = state.noWorkersSince;
    this.#before = state;
    this.#stages = [...state.stages];
  }

  get ended(): boolean {
    return this.#ended;
  }

  get stages(): readonly StageRecord[] {
    return this.#stages;
  }

  get root(): number {
    return this.#stages.length - 1;
  }

  get workers(): ReadonlyMap<WorkerId, WorkerStanding> {
    return this.#workers ?? this.#before.workers;
  }

  get rotation(): number {
    return this.#before.rotation;
  }

  stage(position: number): StageRecord {
    const stage = this.#stages[position];
    assert(stage !== undefined, `no stage ${position}`);
    return stage;
  }

  record(stage: number, task: number): TaskRecord | undefined {
    return this.#stages[stage]?.records[task];
  }

  update(stage: number, task: number, change: Partial<TaskRecord>): void {
    const before = this.stage(stage);
    const records = before.records.map((record, index) =>
      index === task ? { ...record, ...change } : record,
    );
    this.#stages[stage] = { ...before, records };
  }

  setWorker(worker: WorkerId, standing: WorkerStanding | undefined): void {
    this.#workers ??= new Map(this.#before.workers);
    if (standing === undefined) this.#workers.delete(worker);
    else this.#workers.set(worker, standing);
  }

  /** Ends the query: every running attempt is aborted, then `last` is the end. Later calls do nothing. */
  end(last: ScheduleEffect | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stages.forEach((stage, position) => {
      stage.records.forEach(({ state }, task) => {
        if (state.kind !== 'running') return;
        const { attempt, worker } = state;
        this.effects.push({ kind: 'abortAttempt', stage: position, task, attempt, worker });
        this.update(position, task, { state: { kind: 'waiting' } });
      });
    });
    if (last !== undefined) this.effects.push(last);
  }

  finish(wakeAt: number | undefined): { state: ScheduleState; effects: readonly ScheduleEffect[] } {
    const wake = this.#ended ? undefined : wakeAt;
    if (wake !== this.#before.wakeAt) this.effects.push({ kind: 'wakeAt', at: wake });
    const state: ScheduleState = {
      ...this.#before,
      phase: this.#ended ? 'ended' : 'running',
      stages: this.#stages,
      workers: this.workers,
      noWorkersSince: this.noWorkersSince,
      wakeAt: wake,
    };
    return { state, effects: this.effects };
  }
}
