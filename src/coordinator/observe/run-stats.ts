import type { ExecutionPlan, ExecutionStage, ScanInput } from '../execution/execution-plan.ts';
import type { QueryRun } from '../execution/query-run.ts';
import type { QueryProgress, QueryState, QueryStats } from '../query-service.ts';
import type { ScheduleState } from '../scheduler/index.ts';
import { winners } from './build-tree.ts';

type RunTotals = Pick<
  QueryStats,
  'scannedRows' | 'scannedBytes' | 'exchangedRows' | 'exchangedBytes' | 'stages' | 'tasks' | 'retries'
>;

/** What the finished attempts of a run read and moved. */
export function runTotals(plan: ExecutionPlan | undefined, run: QueryRun | undefined): RunTotals {
  const stages = plan?.stages ?? [];
  let scannedRows = 0;
  let scannedBytes = 0;
  let exchangedRows = 0;
  let exchangedBytes = 0;
  for (const { stage: position, task, stats } of winners(run?.log.all() ?? [])) {
    const stage = stages[position];
    if (stage === undefined) continue;
    for (const scan of scans(stage)) {
      const read = stats?.rowsByInput[scan.name];
      scannedRows += read === undefined ? scanRows(scan, task) : Number(read);
      scannedBytes += scanBytes(scan, task);
    }
    if (position < stages.length - 1) {
      exchangedRows += Number(stats?.outputRows ?? 0);
      exchangedBytes += Number(stats?.outputBytes ?? 0);
    }
  }
  return {
    scannedRows,
    scannedBytes: Math.round(scannedBytes),
    exchangedRows,
    exchangedBytes,
    stages: stages.length,
    tasks: stages.reduce((sum, stage) => sum + stage.taskCount, 0),
    retries: run?.retries ?? 0,
  };
}

/** @param taskShares of tasks that run: how much is done, 0 to 1, by `stageId.task` */
export function runProgress(
  plan: ExecutionPlan | undefined,
  schedule: Pick<ScheduleState, 'stages'> | undefined,
  state: QueryState,
  taskShares: ReadonlyMap<string, number>,
): QueryProgress {
  let tasksTotal = 0;
  let tasksFinished = 0;
  let tasksRunning = 0;
  let weightTotal = 0;
  let weightDone = 0;
  plan?.stages.forEach((stage, position) => {
    for (let task = 0; task < stage.taskCount; task += 1) {
      const kind = schedule?.stages[position]?.records[task]?.state.kind;
      const done = kind === 'finished' || kind === 'lost' || state === 'finished';
      const weight = taskWeight(stage, task);
      tasksTotal += 1;
      weightTotal += weight;
      if (done) {
        tasksFinished += 1;
        weightDone += weight;
      } else if (kind === 'running') {
        tasksRunning += 1;
        weightDone += weight * (taskShares.get(`${stage.id}.${task}`) ?? 0);
      }
    }
  });
  const fraction = state === 'finished' ? 1 : weightTotal === 0 ? 0 : weightDone / weightTotal;
  return { tasksTotal, tasksFinished, tasksRunning, fraction };
}

/** Bytes that a task reads, about; a task over other stages counts little beside one that scans. */
function taskWeight(stage: ExecutionStage, task: number): number {
  return 1_000_000 + scans(stage).reduce((sum, scan) => sum + scanBytes(scan, task), 0);
}

function scans(stage: ExecutionStage): readonly ScanInput[] {
  return stage.inputs.filter((input) => input.kind === 'scan');
}

function scanBytes(scan: ScanInput, task: number): number {
  return (scan.splits[task] ?? []).reduce((sum, split) => sum + split.bytes, 0);
}

/** Exact where every file says how many rows it has, else the table's estimate by bytes. */
function scanRows(scan: ScanInput, task: number): number {
  const share = scan.table.bytes === 0 ? 0 : scanBytes(scan, task) / scan.table.bytes;
  const counted = (scan.splits[task] ?? []).map((split) => split.rowCount);
  const exact = counted.every((rows) => rows !== undefined);
  return exact ? counted.reduce((sum, rows) => sum + rows, 0) : Math.round(scan.table.rowCount * share);
}
