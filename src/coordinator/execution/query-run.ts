import {
  assert,
  assertNever,
  type Clock,
  canceledError,
  SkeinError,
  SqlState,
  toSkeinError,
  type WorkerId,
} from '../../common/index.ts';
import type { PartitionRef, RunTaskRequest, RunTaskResponse, TaskStats } from '../../rpc/index.ts';
import type { SqlType } from '../../types/index.ts';
import type { MemberEvent, Membership } from '../members/index.ts';
import {
  type AttemptFailure,
  initialSchedule,
  type ScheduleEffect,
  type ScheduleEvent,
  type ScheduleLimits,
  type ScheduleState,
  type StageInputs,
  schedule,
  type TaskAttempt,
  type WorkerStanding,
} from '../scheduler/index.ts';
import { isHostFault, toAttemptFailure } from './attempt-failure.ts';
import { AttemptLog, attemptKey } from './attempt-log.ts';
import { checkRowsRead, checkRowsWritten } from './check-rows.ts';
import type { ExecutionPlan } from './execution-plan.ts';
import { buildTaskRequest, type StageOutputs } from './task-request.ts';
import type { WrittenKeys } from './written-keys.ts';

export interface QueryRunOptions {
  readonly plan: ExecutionPlan;
  /** Safe in file names; a restart appends to it. */
  readonly queryId: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly members: Membership;
  readonly clock: Clock;
  readonly limits: ScheduleLimits;
  /** See ScheduleState.rotation. */
  readonly rotation: number;
  /** Whole restarts allowed while the client has no rows. */
  readonly maxRestarts: number;
  readonly wireType: (type: SqlType) => SqlType;
  /** Hears of the table files that attempts wrote. */
  readonly written?: WrittenKeys | undefined;
  /**
   * Plans the query anew before a restart: `cause` made it necessary. The plan before is taken again when there is
   * no other; what it throws ends the query.
   */
  readonly replan?: (cause: SkeinError) => Promise<ExecutionPlan>;
  /** A run under this id has ended: its spool on these workers can go. */
  readonly onReleased: (executionId: string, workers: ReadonlySet<WorkerId>) => void;
}

/** One try at the root fragment, to be run by whoever reads the result. */
export interface RootAttempt {
  readonly generation: number;
  readonly attempt: number;
  readonly request: RunTaskRequest;
  /** Aborts when the query has ended otherwise. */
  readonly signal: AbortSignal;
}

export type RunEnd =
  | { readonly kind: 'completed' }
  | { readonly kind: 'failed' | 'canceled'; readonly error: SkeinError };

type Untimed<E> = E extends ScheduleEvent ? Omit<E, 'now'> : never;

/** One execution of the plan: a restart is a new generation, and nothing of the one before counts any more. */
interface Generation {
  readonly number: number;
  readonly executionId: string;
  state: ScheduleState;
  readonly log: AttemptLog;
  readonly responses: Map<string, RunTaskResponse>;
  readonly controllers: Map<string, AbortController>;
  /** Where attempts were started: their spools hold files of this run. */
  readonly touched: Set<WorkerId>;
}

/**
 * Runs the stages of a plan: the shell around the scheduler that sends its effects and reports what became of them.
 * The root is run by the caller: `nextRoot`, then `rootSucceeded` or `rootFailed`, until the run has ended.
 */
export class QueryRun {
  /** Settles once, when nothing runs any more. */
  readonly ended: Promise<RunEnd>;
  readonly #options: QueryRunOptions;
  #plan: ExecutionPlan;
  #positions: ReadonlyMap<number, number>;
  readonly #unsubscribe: () => void;
  #generation: Generation;
  #end: RunEnd | undefined;
  #settleEnd: (end: RunEnd) => void = () => {};
  #root: RootAttempt | undefined;
  #wakeRoot: (() => void) | undefined;
  #cancelTimer: () => void = () => {};
  #rowsSent = false;
  #restarting = false;
  #earlierRetries = 0;
  #events: { readonly generation: Generation; readonly event: ScheduleEvent }[] = [];
  #dispatching = false;

  constructor(options: QueryRunOptions) {
    this.#options = options;
    this.#plan = options.plan;
    this.#positions = positionsOf(options.plan);
    this.ended = new Promise((resolve) => {
      this.#settleEnd = resolve;
    });
    this.#generation = this.#begin(0);
    this.#unsubscribe = options.members.subscribe((event) => this.#onMember(event));
  }

  start(): void {
    this.#send(this.#generation, { kind: 'started' });
  }

  /** @returns the next try at the root, when its inputs are there. @throws the run's error, when it has ended */
  async nextRoot(): Promise<RootAttempt> {
    for (;;) {
      if (this.#end !== undefined) throw endError(this.#end);
      const root = this.#root;
      if (root !== undefined) {
        this.#root = undefined;
        return root;
      }
      await new Promise<void>((resolve) => {
        this.#wakeRoot = resolve;
      });
    }
  }

  /** From now on the query can only go forward or fail: its client has rows. */
  markRowsSent(): void {
    this.#rowsSent = true;
  }

  /** @throws SkeinError XX000 when the root has not read every row that its inputs hold */
  rootSucceeded(root: RootAttempt, stats: TaskStats | undefined): void {
    const generation = this.#generation;
    if (root.generation !== generation.number) return;
    const mismatch = stats && checkRowsRead(root.request, stats);
    if (mismatch !== undefined) throw mismatch;
    generation.log.end(this.#rootId(root), 'finished', this.#now(), { stats });
    this.#send(generation, { kind: 'rootSucceeded', attempt: root.attempt });
  }

  rootFailed(root: RootAttempt, error: unknown): void {
    const generation = this.#generation;
    if (root.generation !== generation.number) return;
    const failure = this.#judge(error);
    generation.log.end(this.#rootId(root), 'failed', this.#now(), { error: failure.cause.message });
    this.#send(generation, { kind: 'rootFailed', attempt: root.attempt, failure, rowsSent: this.#rowsSent });
  }

  /** Stops everything. `error` is what readers of the result get. */
  cancel(error: SkeinError = canceledError()): void {
    if (this.#end !== undefined) return;
    this.#send(this.#generation, { kind: 'canceled' });
    this.#finish({ kind: 'canceled', error });
  }

  /** A restart may bring another. */
  get plan(): ExecutionPlan {
    return this.#plan;
  }

  get end(): RunEnd | undefined {
    return this.#end;
  }

  get state(): ScheduleState {
    return this.#generation.state;
  }

  /** The id that its tasks run under: another one after each restart. */
  get executionId(): string {
    return this.#generation.executionId;
  }

  get log(): AttemptLog {
    return this.#generation.log;
  }

  /** Attempts beyond the first of each task, and those of runs before a restart. */
  get retries(): number {
    const attempts = this.#generation.log.all().length;
    const tasks = new Set(this.#generation.log.all().map(({ stage, task }) => `${stage}.${task}`)).size;
    return this.#earlierRetries + attempts - tasks;
  }

  #begin(number: number): Generation {
    const { queryId, members, rotation, limits } = this.#options;
    const plan = this.#plan;
    const workers = new Map<WorkerId, WorkerStanding>();
    for (const { id, standing } of members.members()) if (standing !== 'lost') workers.set(id, standing);
    const stages = plan.stages.map((stage) => ({
      tasks: stage.taskCount,
      inputs: [...new Set(stage.inputs.flatMap((input) => (input.kind === 'stage' ? [input.stage] : [])))],
      deterministic: stage.deterministic,
      near: stage.near,
    }));
    return {
      number,
      executionId: number === 0 ? queryId : `${queryId}-${number}`,
      state: initialSchedule({ stages }, workers, rotation, limits),
      log: new AttemptLog(),
      responses: new Map(),
      controllers: new Map(),
      touched: new Set(),
    };
  }

  #now(): number {
    return this.#options.clock.monotonic();
  }

  #rootId(root: { readonly attempt: number }): TaskAttempt {
    return { stage: this.plan.stages.length - 1, task: 0, attempt: root.attempt };
  }

  #onMember({ kind, worker }: MemberEvent): void {
    // Whoever is there when the plan is ready takes part.
    if (this.#restarting) return;
    switch (kind) {
      case 'joined':
        this.#send(this.#generation, { kind: 'workerJoined', worker });
        return;
      case 'suspect':
        this.#send(this.#generation, { kind: 'workerSuspect', worker });
        return;
      case 'draining':
        this.#send(this.#generation, { kind: 'workerDraining', worker });
        return;
      case 'lost':
        this.#send(this.#generation, { kind: 'workerLost', worker });
        return;
      default:
        assertNever(kind);
    }
  }

  /** Events that effects cause on the spot wait until the effects before them are done. */
  #send(generation: Generation, event: Untimed<ScheduleEvent>): void {
    this.#events.push({ generation, event: { ...event, now: this.#now() } as ScheduleEvent });
    if (this.#dispatching) return;
    this.#dispatching = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        if (next.generation !== this.#generation || this.#end !== undefined) continue;
        const { state, effects } = schedule(next.generation.state, next.event);
        next.generation.state = state;
        for (const effect of effects) this.#perform(next.generation, effect, next.event);
      }
    } catch (error) {
      // A defect of ours ends this query, and nothing else.
      this.#finish({ kind: 'failed', error: toSkeinError(error) });
    } finally {
      this.#dispatching = false;
    }
  }

  #perform(generation: Generation, effect: ScheduleEffect, cause: ScheduleEvent): void {
    switch (effect.kind) {
      case 'launchTask':
        void this.#runTask(generation, effect, effect.worker, this.#outputsFor(generation, effect.inputs));
        return;
      case 'startRoot':
        this.#startRoot(generation, effect.attempt, this.#outputsFor(generation, effect.inputs));
        return;
      case 'abortAttempt': {
        const lost = cause.kind === 'workerLost' && effect.worker === cause.worker;
        generation.log.end(effect, lost ? 'lost' : 'canceled', this.#now());
        generation.controllers.get(attemptKey(effect))?.abort(canceledError('the attempt was aborted'));
        generation.controllers.delete(attemptKey(effect));
        if (effect.worker === undefined) this.#root = undefined;
        return;
      }
      case 'wakeAt':
        this.#cancelTimer();
        if (effect.at === undefined) return;
        this.#cancelTimer = this.#options.clock.after(Math.max(0, effect.at - this.#now()), () =>
          this.#send(generation, { kind: 'tick' }),
        );
        return;
      case 'fail':
        if (effect.restart && !this.#rowsSent && generation.number < this.#options.maxRestarts) {
          void this.#restart(toSkeinError(effect.error));
        } else this.#finish({ kind: 'failed', error: toSkeinError(effect.error) });
        return;
      case 'completed':
        this.#finish({ kind: 'completed' });
        return;
      default:
        assertNever(effect);
    }
  }

  async #runTask(
    generation: Generation,
    id: TaskAttempt,
    worker: WorkerId,
    outputs: StageOutputs,
  ): Promise<void> {
    const controller = new AbortController();
    generation.controllers.set(attemptKey(id), controller);
    generation.log.start(id, worker, this.#now());
    generation.touched.add(worker);
    try {
      const request = this.#request(generation, id, outputs);
      const member = this.#options.members.get(worker);
      if (member === undefined) throw unreachable(worker);
      const response = await member.client.runTask(request, controller.signal);
      this.#options.written?.add(response.writtenKeys);
      const mismatch =
        checkRowsWritten(response) ?? (response.stats && checkRowsRead(request, response.stats));
      if (mismatch !== undefined) throw mismatch;
      generation.controllers.delete(attemptKey(id));
      generation.responses.set(attemptKey(id), response);
      generation.log.end(id, 'finished', this.#now(), { stats: response.stats });
      const holder = isHeld(response.partitions) ? worker : undefined;
      this.#send(generation, { kind: 'taskSucceeded', ...position(id), holder });
    } catch (error) {
      if (controller.signal.aborted) return;
      generation.controllers.delete(attemptKey(id));
      const failure = this.#judge(error);
      const cause = toSkeinError(failure.cause);
      generation.log.end(id, 'failed', this.#now(), { error: cause.message });
      // The members hear of it first: then no attempt is sent the same way again.
      if (isHostFault(cause)) this.#options.members.reportUnreachable(worker);
      this.#send(generation, { kind: 'taskFailed', ...position(id), failure });
    }
  }

  #startRoot(generation: Generation, attempt: number, outputs: StageOutputs): void {
    const id = this.#rootId({ attempt });
    const controller = new AbortController();
    generation.controllers.set(attemptKey(id), controller);
    generation.log.start(id, 'coordinator', this.#now());
    const request = this.#request(generation, id, outputs);
    this.#root = { generation: generation.number, attempt, request, signal: controller.signal };
    this.#wakeRoot?.();
  }

  #request(generation: Generation, id: TaskAttempt, outputs: StageOutputs): RunTaskRequest {
    const { settings, wireType } = this.#options;
    const { executionId } = generation;
    return buildTaskRequest({ plan: this.#plan, executionId, settings, outputs, wireType }, id);
  }

  /** Taken when the attempt is launched: later losses do not change what it was given. */
  #outputsFor(generation: Generation, inputs: readonly StageInputs[]): StageOutputs {
    const outputs = new Map<number, readonly (readonly PartitionRef[])[]>();
    for (const { stage, attempts } of inputs) {
      outputs.set(
        stage,
        attempts.map((attempt, task) => {
          const response = generation.responses.get(attemptKey({ stage, task, attempt }));
          assert(response !== undefined, `no output of ${stage}.${task}.${attempt}`);
          return response.partitions;
        }),
      );
    }
    return outputs;
  }

  /** A fragment that DuckDB does not take is the planner's fault: the query can still run as it was written. */
  #judge(error: unknown): AttemptFailure {
    const failure = toAttemptFailure(error, this.#positions);
    const unplannable = !this.#plan.original && isPlannersFault(toSkeinError(failure.cause));
    return unplannable && this.#options.replan !== undefined ? { ...failure, retry: 'query' } : failure;
  }

  async #restart(cause: SkeinError): Promise<void> {
    const before = this.#generation;
    this.#restarting = true;
    this.#cancelTimer();
    this.#root = undefined;
    this.#earlierRetries += before.log.all().length;
    this.#generation = this.#begin(before.number + 1);
    this.#options.onReleased(before.executionId, before.touched);
    try {
      const plan = (await this.#options.replan?.(cause)) ?? this.#plan;
      if (this.#end !== undefined) return;
      this.#plan = plan;
      this.#positions = positionsOf(plan);
      this.#generation = this.#begin(before.number + 1);
      this.#restarting = false;
      this.start();
    } catch (error) {
      this.#finish({ kind: 'failed', error: toSkeinError(error) });
    }
  }

  #finish(end: RunEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#cancelTimer();
    this.#unsubscribe();
    this.#root = undefined;
    const { executionId, touched, responses, controllers } = this.#generation;
    for (const controller of controllers.values()) controller.abort(canceledError('the query has ended'));
    controllers.clear();
    responses.clear();
    this.#options.onReleased(executionId, touched);
    this.#settleEnd(end);
    this.#wakeRoot?.();
  }
}

function positionsOf(plan: ExecutionPlan): ReadonlyMap<number, number> {
  return new Map(plan.stages.map((stage, position) => [stage.id, position]));
}

/** Names and types were checked when the query was bound: only SQL that was printed from a plan can get them wrong. */
function isPlannersFault(error: SkeinError): boolean {
  return error.sqlState.startsWith('42') || error.details.fault === 'plan';
}

function position({ stage, task, attempt }: TaskAttempt): TaskAttempt {
  return { stage, task, attempt };
}

/** Whether the worker has to live for the partitions to be read: inline bytes are here already. */
function isHeld(partitions: readonly PartitionRef[]): boolean {
  return partitions.some((ref) => ref.files.some((file) => file.inline.length === 0 && file.bytes > 0n));
}

function unreachable(worker: WorkerId): SkeinError {
  return new SkeinError('08006', `worker ${worker} has left`, { retry: 'task' });
}

function endError(end: RunEnd): SkeinError {
  return end.kind === 'completed'
    ? new SkeinError(SqlState.internalError, 'the result was already read')
    : end.error;
}
