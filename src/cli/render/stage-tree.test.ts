import { describe, expect, it } from 'vitest';
import type { QueryTree, StageTree } from '../../coordinator/index.ts';
import type { OperatorTree } from '../../plan/index.ts';
import { renderStageTree } from './stage-tree.ts';
import { noColors } from './style.ts';

const operator = (kind: string, details: string[] = [], ...children: OperatorTree[]): OperatorTree => ({
  kind,
  details,
  estimatedRows: undefined,
  children,
});

function stage(id: number, operators: OperatorTree, inputs: number[], more: Partial<StageTree>): StageTree {
  return {
    id,
    state: 'finished',
    inputs: inputs.map((input) => ({ stage: input, read: 'partition' })),
    output: 'gather',
    sql: '',
    operators,
    estimatedRows: 1,
    estimatedBytes: 1,
    actualRows: 6,
    inputRows: 18,
    inputBytes: 100,
    outputBytes: 1200,
    elapsedMs: 4,
    tasks: [0, 1, 2].map((task) => ({
      task,
      attempts: [
        {
          attempt: 0,
          worker: `w${task}`,
          state: 'finished',
          startedMs: 0,
          elapsedMs: 1,
          inputRows: 6,
          outputRows: 2,
          outputBytes: 400,
          error: undefined,
        },
      ],
    })),
    ...more,
  };
}

describe('renderStageTree', () => {
  it('draws producers below their consumers, what is read twice once', () => {
    const read = (id: number): OperatorTree => operator('stage input', [`stage ${id}`]);
    const scan = operator('project', [], operator('filter', ['x > 1'], operator('scan', ['main.events'])));
    const tree: QueryTree = {
      queryId: 'q',
      sql: '',
      state: 'finished',
      notes: [],
      stages: [
        stage(0, scan, [], { inputRows: 1_000_000 }),
        stage(1, operator('hash aggregate', [], read(0)), [0], {}),
        stage(2, operator('hash join (inner)', [], read(1), read(0)), [1, 0], {}),
        stage(3, read(2), [2], { outputBytes: 0, elapsedMs: 0.5 }),
      ],
    };
    expect(renderStageTree(tree, 100, noColors).join('\n')).toMatchInlineSnapshot(`
      "STAGE                           RUNS ON               ROWS IN  ROWS OUT    SENT    TIME
      3 collect                       coordinator                18         6          0.5 ms
      └─ 2 join                       3 tasks, 3 workers         18         6  1.2 KB  4.0 ms
         ├─ 1 aggregate               3 tasks, 3 workers         18         6  1.2 KB  4.0 ms
         │  └─ 0 scan events, filter  3 tasks, 3 workers  1,000,000         6  1.2 KB  4.0 ms
         └─ 0 (see above)"
    `);
  });
});
