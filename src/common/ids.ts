declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** A query, unique in time and space: `q_<base36 time>_<random>`. Safe in URLs and file names. */
export type QueryId = Branded<string, 'QueryId'>;
/** A stage within its query: 0, 1, ... in the order of the plan; producers before consumers. */
export type StageId = Branded<number, 'StageId'>;
/** A worker process's identity; a restarted worker has a new one. */
export type WorkerId = Branded<string, 'WorkerId'>;

export const queryId = (value: string): QueryId => value as QueryId;
export const stageId = (value: number): StageId => value as StageId;
export const workerId = (value: string): WorkerId => value as WorkerId;

/** One try at one task. `attempt` counts from 0 within the task and is never reused. */
export interface AttemptId {
  readonly queryId: QueryId;
  readonly stageId: StageId;
  /** Index of the task within its stage. */
  readonly task: number;
  readonly attempt: number;
}

/** `q_1_a.3.0.1`: for logs, errors and file names. */
export function formatAttempt(id: AttemptId): string {
  return `${id.queryId}.${id.stageId}.${id.task}.${id.attempt}`;
}
