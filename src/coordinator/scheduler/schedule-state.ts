import type { RetryScope, WorkerId } from '../../common/index.ts';

/**
 * A query's stages as the scheduler sees them: producers before consumers, the root last.
 * `inputs` are positions in `stages`.
 */
export interface SchedulePlan {
  readonly stages: readonly ScheduleStage[];
}

interface ScheduleStage {
  /** Tasks of the stage, at least 1; the root has one. */
  readonly tasks: number;
  readonly inputs: readonly number[];
  /** True when running a task again over the same inputs gives the same rows in every partition. */
  readonly deterministic: boolean;
  /** By task, the worker that has its files near. Undefined: any worker will do. */
  readonly near?: readonly WorkerId[] | undefined;
}

export interface ScheduleLimits {
  /** Tries of a task that fails by its own fault (out of memory, disk full) before the query fails. */
  readonly taskTries: number;
  /** Failures of hosts under one task before the query fails: only against an endless loop. */
  readonly hostFaults: number;
  /** Times one task may find its inputs gone, and one output may be found gone, before the query fails. */
  readonly inputFaults: number;
  /** How long to wait for a worker when there is none. */
  readonly noWorkersMs: number;
  /** Wait before a task runs again where it failed; doubles with every failure. */
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  /** Attempts of this query that may run on one worker at a time. */
  readonly slotsPerWorker: number;
}

export const defaultScheduleLimits: ScheduleLimits = {
  taskTries: 4,
  hostFaults: 16,
  inputFaults: 6,
  noWorkersMs: 5_000,
  backoffMs: 50,
  maxBackoffMs: 2_000,
  slotsPerWorker: 4,
};

/**
 * - waiting: to be run when its inputs are there.
 * - running: one attempt is out; the root's runs on the coordinator and has no worker.
 * - finished: `attempt` won; `holder` keeps its output, undefined when no worker has to live for it to be read.
 * - lost: it had finished, but its output is gone; it runs again when a consumer needs it.
 */
type TaskState =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'running'; readonly attempt: number; readonly worker: WorkerId | undefined }
  | { readonly kind: 'finished'; readonly attempt: number; readonly holder: WorkerId | undefined }
  | { readonly kind: 'lost' };

export interface TaskRecord {
  readonly state: TaskState;
  /** Attempts are numbered from 0 and never reused. */
  readonly nextAttempt: number;
  /** An attempt of it has finished at some time: its consumers may have read that one. */
  readonly everFinished: boolean;
  readonly taskFaults: number;
  readonly hostFaults: number;
  /** Times it failed because an input was gone. */
  readonly inputFaults: number;
  /** Times its own output was found gone or corrupt by a reader. */
  readonly losses: number;
  /** Workers where it failed: others are preferred. */
  readonly avoid: readonly WorkerId[];
  /** Until then only workers outside `avoid` are taken, and the root does not start. */
  readonly notBefore: number;
}

export interface StageRecord extends ScheduleStage {
  readonly records: readonly TaskRecord[];
}

/** `suspect` and `draining` workers get no new tasks. A lost one is not in the map. */
export type WorkerStanding = 'alive' | 'suspect' | 'draining';

export interface ScheduleState {
  /** `ended`: nothing happens any more. */
  readonly phase: 'running' | 'ended';
  readonly stages: readonly StageRecord[];
  readonly workers: ReadonlyMap<WorkerId, WorkerStanding>;
  /** Since when a task has been waiting for any worker at all. */
  readonly noWorkersSince: number | undefined;
  /** When the next tick is needed; undefined: none is. */
  readonly wakeAt: number | undefined;
  /** Turns the order in which equally loaded workers are taken, so that queries do not all start with the first. */
  readonly rotation: number;
  readonly limits: ScheduleLimits;
}

/** A failure as the scheduler judges it. `cause` is handed through. */
export interface AttemptFailure {
  readonly retry: RetryScope;
  /** The node or the connection failed, not the task. */
  readonly hostFault: boolean;
  /** Winning attempts whose output could not be read (`retry: 'stage'`). */
  readonly lost: readonly TaskAttempt[];
  readonly cause: Error;
}

export interface TaskAttempt {
  /** Position in `SchedulePlan.stages`. */
  readonly stage: number;
  readonly task: number;
  readonly attempt: number;
}

interface Timed {
  /** Monotonic milliseconds. */
  readonly now: number;
}

export type ScheduleEvent = Timed &
  (
    | { readonly kind: 'started' }
    | ({ readonly kind: 'taskSucceeded'; readonly holder: WorkerId | undefined } & TaskAttempt)
    | ({ readonly kind: 'taskFailed'; readonly failure: AttemptFailure } & TaskAttempt)
    /** `rowsSent`: some rows of the result are already with the client, so the root cannot run again. */
    | {
        readonly kind: 'rootFailed';
        readonly attempt: number;
        readonly failure: AttemptFailure;
        readonly rowsSent: boolean;
      }
    | { readonly kind: 'rootSucceeded'; readonly attempt: number }
    | {
        readonly kind: 'workerJoined' | 'workerSuspect' | 'workerDraining' | 'workerLost';
        readonly worker: WorkerId;
      }
    | { readonly kind: 'canceled' }
    | { readonly kind: 'tick' }
  );

/** The winning attempt of every task of an input stage, by task. */
export interface StageInputs {
  readonly stage: number;
  readonly attempts: readonly number[];
}

export type ScheduleEffect =
  | ({
      readonly kind: 'launchTask';
      readonly worker: WorkerId;
      readonly inputs: readonly StageInputs[];
    } & TaskAttempt)
  | { readonly kind: 'startRoot'; readonly attempt: number; readonly inputs: readonly StageInputs[] }
  /** The worker may be gone; the attempt's report, if one still comes, is ignored. The root has no worker. */
  | ({ readonly kind: 'abortAttempt'; readonly worker: WorkerId | undefined } & TaskAttempt)
  /** Send a `tick` at this monotonic time; replaces an earlier wish; undefined: no tick is needed. */
  | { readonly kind: 'wakeAt'; readonly at: number | undefined }
  /** The end. `restart`: running the whole query again may succeed, provided the client has no rows yet. */
  | { readonly kind: 'fail'; readonly error: Error; readonly restart: boolean }
  | { readonly kind: 'completed' };

const newRecord: TaskRecord = {
  state: { kind: 'waiting' },
  nextAttempt: 0,
  everFinished: false,
  taskFaults: 0,
  hostFaults: 0,
  inputFaults: 0,
  losses: 0,
  avoid: [],
  notBefore: 0,
};

/** The state before `started`. */
export function initialSchedule(
  plan: SchedulePlan,
  workers: ReadonlyMap<WorkerId, WorkerStanding>,
  rotation = 0,
  limits: ScheduleLimits = defaultScheduleLimits,
): ScheduleState {
  return {
    phase: 'running',
    stages: plan.stages.map((stage) => ({
      ...stage,
      records: Array.from({ length: stage.tasks }, () => newRecord),
    })),
    workers,
    noWorkersSince: undefined,
    wakeAt: undefined,
    rotation,
    limits,
  };
}
