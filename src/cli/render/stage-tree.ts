import { formatBytes, formatCount, formatDuration } from '../../common/index.ts';
import type { QueryTree, StageTree } from '../../coordinator/index.ts';
import type { OperatorTree } from '../../plan/index.ts';
import { type ColumnHeader, renderColumns } from './columns.ts';
import { printable, truncateToWidth } from './display-width.ts';
import type { Style } from './style.ts';

const headers: readonly ColumnHeader[] = [
  { title: 'STAGE' },
  { title: 'RUNS ON' },
  { title: 'ROWS IN', align: 'right' },
  { title: 'ROWS OUT', align: 'right' },
  { title: 'SENT', align: 'right' },
  { title: 'TIME', align: 'right' },
];

/** Cells that the columns beside the stages take at most. */
const amountsWidth = 66;

/**
 * A finished query's stages, one a line, the root first and the producers of each below it:
 *
 *     STAGE                              RUNS ON        ROWS IN  ROWS OUT    SENT   TIME
 *     2 sort                             coordinator          6         6           1 ms
 *     └─ 1 aggregate                     3 tasks             18         6  1.2 KB   4 ms
 *        └─ 0 scan events, aggregate     3 tasks      1,000,000        18  2.1 KB  40 ms
 */
export function renderStageTree(tree: QueryTree, width: number, style: Style): readonly string[] {
  const labelWidth = Math.max(24, width - amountsWidth);
  const root = tree.stages.at(-1);
  if (root === undefined) return [];
  const rows: (readonly string[])[] = [];
  const shown = new Set<number>();
  const visit = (stage: StageTree, first: string, rest: string): void => {
    const again = shown.has(stage.id);
    shown.add(stage.id);
    const label = `${stage.id} ${again ? '(see above)' : describe(stage)}`;
    rows.push(
      again
        ? [`${style.dim(first)}${label}`]
        : [
            `${style.dim(first)}${truncateToWidth(label, Math.max(8, labelWidth - first.length))}`,
            ...amounts(stage, root),
          ],
    );
    if (again) return;
    const inputs = [...new Set(stage.inputs.map((input) => input.stage))].flatMap(
      (id) => tree.stages.find((other) => other.id === id) ?? [],
    );
    inputs.forEach((input, index) => {
      const isLast = index === inputs.length - 1;
      visit(input, `${rest}${isLast ? '└─ ' : '├─ '}`, `${rest}${isLast ? '   ' : '│  '}`);
    });
  };
  visit(root, '', '');
  return renderColumns(headers, rows, style);
}

function amounts(stage: StageTree, root: StageTree): readonly string[] {
  const isRoot = stage === root;
  const workers = new Set(stage.tasks.flatMap((task) => task.attempts.at(-1)?.worker ?? [])).size;
  const tasks = stage.tasks.length === 1 ? '1 task' : `${stage.tasks.length} tasks`;
  const place = workers > 1 ? `${tasks}, ${workers} workers` : tasks;
  const count = (value: number | undefined): string => (value === undefined ? '' : formatCount(value));
  return [
    isRoot ? 'coordinator' : place,
    count(stage.inputRows),
    count(stage.actualRows),
    isRoot || stage.outputBytes === undefined ? '' : formatBytes(stage.outputBytes),
    stage.elapsedMs === undefined ? '' : formatDuration(stage.elapsedMs),
  ];
}

/** What a stage does, in the order of the rows' way: `scan events, filter, hash aggregate`. */
function describe(stage: StageTree): string {
  const steps: string[] = [];
  const visit = (node: OperatorTree): void => {
    for (const child of node.children) visit(child);
    const step = stepOf(node);
    if (step !== undefined && steps.at(-1) !== step) steps.push(step);
  };
  visit(stage.operators);
  return printable(steps.length === 0 ? 'collect' : steps.join(', '));
}

/** Undefined for what says nothing: a projection, or the read of a stage that stands below anyway. */
function stepOf({ kind, details }: OperatorTree): string | undefined {
  if (kind === 'project' || kind === 'stage input') return undefined;
  if (kind !== 'scan') return kind.replace(/^hash /, '').replace(/ \(inner\)$/, '');
  return `scan ${(details[0] ?? '').replace(/^main\./, '').replace(/ \(whole\)$/, '')}`;
}
