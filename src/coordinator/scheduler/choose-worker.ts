import type { WorkerId } from '../../common/index.ts';
import type { Draft } from './draft.ts';
import type { TaskRecord } from './schedule-state.ts';

/**
 * - worker: run it there.
 * - busy: a running attempt of this query has to end first.
 * - later: only workers where it failed are left; try them from `at` on.
 * - none: no worker takes tasks.
 */
export type Choice =
  | { readonly kind: 'worker'; readonly worker: WorkerId }
  | { readonly kind: 'busy' }
  | { readonly kind: 'later'; readonly at: number }
  | { readonly kind: 'none' };

/** Attempts of this query on each worker. */
export function countRunning(draft: Draft): Map<WorkerId, number> {
  const running = new Map<WorkerId, number>();
  for (const { records } of draft.stages) {
    for (const { state } of records) {
      if (state.kind !== 'running' || state.worker === undefined) continue;
      running.set(state.worker, (running.get(state.worker) ?? 0) + 1);
    }
  }
  return running;
}

/**
 * The worker that has the task's files near: the task waits until that one has room, as everybody else would have to
 * fetch the files first. Where it takes no tasks, or the task has failed on it, and for all other tasks, the least loaded
 * worker that the task has not failed on; ties go round by the state's rotation.
 */
export function chooseWorker(
  draft: Draft,
  record: TaskRecord,
  running: ReadonlyMap<WorkerId, number>,
  near?: WorkerId,
): Choice {
  const alive = [...draft.workers].filter(([, standing]) => standing === 'alive').map(([worker]) => worker);
  if (alive.length === 0) return { kind: 'none' };
  const turned = alive.map((_, index) => alive[(index + draft.rotation) % alive.length] as WorkerId);
  const fresh = turned.filter((worker) => !record.avoid.includes(worker));
  if (fresh.length === 0 && draft.now < record.notBefore) return { kind: 'later', at: record.notBefore };
  if (near !== undefined && fresh.includes(near)) {
    const hasRoom = (running.get(near) ?? 0) < draft.limits.slotsPerWorker;
    return hasRoom ? { kind: 'worker', worker: near } : { kind: 'busy' };
  }
  const best = leastLoaded(fresh.length > 0 ? fresh : turned, running, draft.limits.slotsPerWorker);
  return best === undefined ? { kind: 'busy' } : { kind: 'worker', worker: best };
}

function leastLoaded(
  workers: readonly WorkerId[],
  running: ReadonlyMap<WorkerId, number>,
  slots: number,
): WorkerId | undefined {
  let best: WorkerId | undefined;
  let load = slots;
  for (const worker of workers) {
    const count = running.get(worker) ?? 0;
    if (count < load) {
      best = worker;
      load = count;
    }
  }
  return best;
}
