import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { workerId } from '../../common/index.ts';
import type { OperatorTree } from '../../plan/index.ts';
import { TaskStatsSchema } from '../../rpc/index.ts';
import { scalar } from '../../types/index.ts';
import { AttemptLog } from '../execution/attempt-log.ts';
import type { ExecutionPlan, ExecutionStage } from '../execution/execution-plan.ts';
import { initialSchedule, type ScheduleState } from '../scheduler/index.ts';
import { buildTree, type RunView } from './build-tree.ts';
import { explainText } from './explain-text.ts';
import { treeToDot } from './tree-to-dot.ts';

const columns = [{ name: 'name', type: scalar('VARCHAR') }];
const leaf = (kind: string, ...details: string[]) => ({
  kind,
  details,
  estimatedRows: undefined,
  children: [],
});

function stage(id: number, change: Partial<ExecutionStage>, operators?: OperatorTree): ExecutionStage {
  return {
    id,
    sql: `SELECT c0\nFROM x${id}`,
    inputs: [],
    columns,
    output: { kind: 'gather' },
    taskCount: 3,
    deterministic: true,
    ordered: false,
    describe: () => ({
      operators: operators ?? leaf('scan', `main.t${id}`, 'columns: a, b'),
      estimatedRows: 1000 * (id + 1),
      estimatedBytes: 24_000,
    }),
    ...change,
  };
}

const read = (position: number, how: 'partition' | 'all') => ({
  kind: 'stage' as const,
  name: `stage_${position}`,
  stage: position,
  read: how,
});

/** Two scans, a join of both that also reads the first once more, the root. */
const plan: ExecutionPlan = {
  columns,
  notes: ['something to know'],
  bypassed: false,
  original: false,
  stages: [
    stage(0, { output: { kind: 'hash', keys: ['c0'], labels: ['user "id"'], partitions: 3 } }),
    stage(1, {}),
    stage(
      2,
      { inputs: [read(0, 'partition'), read(1, 'all')] },
      {
        ...leaf('hash join (inner)', 'a = b'),
        children: [leaf('stage input', 'stage 0'), leaf('stage input', 'stage 1 (whole)')],
      },
    ),
    stage(
      3,
      { inputs: [read(2, 'all'), read(1, 'all')], output: { kind: 'result' }, taskCount: 1 },
      leaf('stage input', 'stage 2 (whole)'),
    ),
  ],
};

function tree(run?: RunView) {
  return buildTree({ queryId: 'q_1', sql: 'SELECT 1', state: run ? 'running' : 'planning', plan, run });
}

function view(): RunView {
  const log = new AttemptLog();
  const stats = (rows: bigint) =>
    create(TaskStatsSchema, { outputRows: rows, outputBytes: 2048n, inputRows: rows, inputBytes: 4096n });
  log.start({ stage: 0, task: 0, attempt: 0 }, 'w1', 100);
  log.end({ stage: 0, task: 0, attempt: 0 }, 'failed', 110, { error: 'out of memory' });
  log.start({ stage: 0, task: 0, attempt: 1 }, 'w2', 110);
  log.end({ stage: 0, task: 0, attempt: 1 }, 'finished', 140, { stats: stats(1234n) });
  log.end({ stage: 0, task: 0, attempt: 1 }, 'lost', 999);
  log.start({ stage: 1, task: 2, attempt: 0 }, 'w1', 120);
  const state: ScheduleState = initialSchedule(
    { stages: plan.stages.map(() => ({ tasks: 1, inputs: [], deterministic: true })) },
    new Map([[workerId('w1'), 'alive']]),
  );
  return { state, log, submittedAt: 90, now: 150 };
}

describe('explainText', () => {
  it('shows the beginning and the end of a long constant', () => {
    const { stages } = tree();
    const long = stages.map((each) => ({ ...each, sql: `SELECT ${'[12], '.repeat(9_000)}\nFROM t` }));
    const text = explainText({ ...tree(), stages: long }, false);
    expect(text.length).toBeLessThan(20_000);
    expect(text).toMatch(/SELECT \[12\], .* \/\* \.\.\. 52,007 characters \.\.\. \*\/ .*\[12\],\n {2}FROM t/);
  });

  it('draws the stages as a tree, the root on top, each once', () => {
    expect(explainText(tree(), false)).toMatchInlineSnapshot(`
      "Stage 3 (root), on the coordinator: result
      |  (~4,000 rows, ~24 KB)
      |  stage input stage 2 (whole)
      |
      +- Stage 2, 3 tasks: gather
      |  |  (~3,000 rows, ~24 KB)
      |  |  hash join (inner) a = b
      |  |    stage input stage 0
      |  |    stage input stage 1 (whole)
      |  |
      |  +- Stage 0, 3 tasks: hash (user "id") into 3
      |  |     (~1,000 rows, ~24 KB)
      |  |     scan main.t0
      |  |         columns: a, b
      |  |
      |  +- Stage 1, 3 tasks: gather
      |        (~2,000 rows, ~24 KB)
      |        scan main.t1
      |            columns: a, b
      |
      +- Stage 1: see above

      Note: something to know

      Stage 0 runs this SQL:
        SELECT c0
        FROM x0

      Stage 1 runs this SQL:
        SELECT c0
        FROM x1

      Stage 2 runs this SQL:
        SELECT c0
        FROM x2

      Stage 3 (root) runs this SQL:
        SELECT c0
        FROM x3"
    `);
  });

  it('adds what ran', () => {
    const text = explainText(tree(view()), true);
    expect(text.slice(0, text.indexOf('Note:'))).toMatchInlineSnapshot(`
      "Stage 3 (root), on the coordinator: result
      |  (~4,000 rows, ~24 KB)
      |  stage input stage 2 (whole)
      |
      +- Stage 2, 3 tasks: gather
      |  |  (~3,000 rows, ~24 KB)
      |  |  hash join (inner) a = b
      |  |    stage input stage 0
      |  |    stage input stage 1 (whole)
      |  |
      |  +- Stage 0, 3 tasks: hash (user "id") into 3
      |  |     (1,234 rows; estimated ~1,000 rows, ~24 KB; read 1,234 rows, 4.1 KB; wrote 2.0 KB; 40 ms)
      |  |     scan main.t0
      |  |         columns: a, b
      |  |     task 0 on w1: failed (out of memory) in 10 ms
      |  |     task 0, attempt 2 on w2: 1,234 rows in 30 ms
      |  |
      |  +- Stage 1, 3 tasks: gather
      |        (~2,000 rows, ~24 KB)
      |        scan main.t1
      |            columns: a, b
      |        task 2 on w1: running in 30 ms
      |
      +- Stage 1: see above

      "
    `);
  });

  it('says nothing of a plan without stages', () => {
    const empty = buildTree({ queryId: 'q', sql: 'x', state: 'failed', plan: undefined, run: undefined });
    expect(explainText(empty, true)).toBe('');
  });
});

describe('treeToDot', () => {
  it('draws a cluster a stage and an edge an exchange, and quotes what it does not know', () => {
    expect(treeToDot(tree(view()))).toMatchInlineSnapshot(`
      "digraph "q_1" {
        rankdir=BT;
        compound=true;
        fontname="Helvetica";
        node [shape=box, style="rounded,filled", fillcolor=white, fontname="Helvetica", fontsize=11];
        edge [fontname="Helvetica", fontsize=10];
        subgraph cluster_0 {
          label="stage 0: 3 tasks\\n1,234 rows (~1,000), 40 ms";
          style="rounded,filled";
          fillcolor="#fef3c7";
          tooltip="SELECT c0\\nFROM x0";
          s0_0 [label="scan\\nmain.t0\\ncolumns: a, b"];
        }
        subgraph cluster_1 {
          label="stage 1: 3 tasks\\n~2,000 rows, 30 ms";
          style="rounded,filled";
          fillcolor="#fef3c7";
          tooltip="SELECT c0\\nFROM x1";
          s1_0 [label="scan\\nmain.t1\\ncolumns: a, b"];
        }
        subgraph cluster_2 {
          label="stage 2: 3 tasks\\n~3,000 rows";
          style="rounded,filled";
          fillcolor="#f3f4f6";
          tooltip="SELECT c0\\nFROM x2";
          s2_0 [label="hash join (inner)\\na = b"];
          s2_1 [label="stage input\\nstage 0"];
          s2_1 -> s2_0;
          s2_2 [label="stage input\\nstage 1 (whole)"];
          s2_2 -> s2_0;
        }
        subgraph cluster_3 {
          label="stage 3 (root): coordinator\\n~4,000 rows";
          style="rounded,filled";
          fillcolor="#f3f4f6";
          tooltip="SELECT c0\\nFROM x3";
          s3_0 [label="stage input\\nstage 2 (whole)"];
        }
        s0_0 -> s2_1 [label="hash (user \\"id\\") into 3\\n2.0 KB", style=bold, ltail=cluster_0];
        s1_0 -> s2_2 [label="gather\\nto every task", style=bold, ltail=cluster_1];
        s2_0 -> s3_0 [label="gather", style=bold, ltail=cluster_2];
        s1_0 -> s3_0 [label="gather", style=bold, ltail=cluster_1];
      }
      "
    `);
  });
});
