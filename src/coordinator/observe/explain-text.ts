import { formatBytes, formatCount, formatDuration } from '../../common/index.ts';
import type { OperatorTree } from '../../plan/index.ts';
import type { QueryTree, StageTree, TaskTree } from '../query-tree.ts';

/**
 * The stages as a tree for people, the root on top, then the SQL of every fragment:
 *
 *     Stage 1 (root), on the coordinator: result
 *     |  aggregate
 *     |    read stage 0
 *     |
 *     +- Stage 0, 3 tasks: gather
 *        |  scan main.lineitem
 *
 * @param analyzed also shows what ran: rows, bytes, time, and each task's attempts
 */
export function explainText(tree: QueryTree, analyzed: boolean): string {
  const lines: string[] = [];
  const root = tree.stages.at(-1);
  const printed = new Set<number>();
  if (root !== undefined) printStage(tree, root, '', '', analyzed, printed, lines);
  for (const note of tree.notes) lines.push('', `Note: ${note}`);
  for (const stage of tree.stages) {
    lines.push('', `${title(tree, stage)} runs this SQL:`, ...indent(sqlLines(stage.sql), '  '));
  }
  return lines.join('\n');
}

/** @param first what stands before the stage's title @param rest what stands before its other lines */
function printStage(
  tree: QueryTree,
  stage: StageTree,
  first: string,
  rest: string,
  analyzed: boolean,
  printed: Set<number>,
  lines: string[],
): void {
  if (printed.has(stage.id)) {
    lines.push(`${first}${title(tree, stage)}: see above`);
    return;
  }
  printed.add(stage.id);
  const inputs = [...new Set(stage.inputs.map((input) => input.stage))]
    .map((id) => tree.stages.find((other) => other.id === id))
    .filter((input) => input !== undefined);
  const bar = inputs.length > 0 ? '|' : ' ';
  lines.push(`${first}${title(tree, stage)}, ${place(tree, stage)}: ${stage.output}`);
  lines.push(`${rest}${bar}  ${amounts(stage, analyzed)}`);
  lines.push(...indent(operatorLines(stage.operators, 0), `${rest}${bar}  `));
  if (analyzed) lines.push(...indent(stage.tasks.flatMap(taskLines), `${rest}${bar}  `));
  inputs.forEach((input, index) => {
    const last = index === inputs.length - 1;
    lines.push(`${rest}|`);
    printStage(tree, input, `${rest}+- `, `${rest}${last ? '   ' : '|  '}`, analyzed, printed, lines);
  });
}

function title(tree: QueryTree, stage: StageTree): string {
  return stage === tree.stages.at(-1) ? `Stage ${stage.id} (root)` : `Stage ${stage.id}`;
}

function place(tree: QueryTree, stage: StageTree): string {
  if (stage === tree.stages.at(-1)) return 'on the coordinator';
  return stage.tasks.length === 1 ? '1 task' : `${stage.tasks.length} tasks`;
}

function amounts(stage: StageTree, analyzed: boolean): string {
  const rows = Math.round(stage.estimatedRows);
  const estimated = `~${formatCount(rows)} rows, ~${formatBytes(Math.round(stage.estimatedBytes))}`;
  if (!analyzed || stage.actualRows === undefined) return `(${estimated})`;
  const { written } = stage;
  const parts = [`${formatCount(written?.rows ?? stage.actualRows)} rows`, `estimated ${estimated}`];
  if (stage.inputRows !== undefined && stage.inputRows > 0) {
    parts.push(`read ${formatCount(stage.inputRows)} rows, ${formatBytes(stage.inputBytes ?? 0)}`);
  }
  if (written !== undefined) {
    parts.push(`wrote ${formatCount(written.files)} files, ${formatBytes(written.bytes)}`);
  } else if (stage.outputBytes !== undefined && stage.outputBytes > 0) {
    parts.push(`wrote ${formatBytes(stage.outputBytes)}`);
  }
  if (stage.elapsedMs !== undefined) parts.push(formatDuration(stage.elapsedMs));
  return `(${parts.join('; ')})`;
}

function operatorLines(operator: OperatorTree, depth: number): string[] {
  const pad = '  '.repeat(depth);
  const [detail, ...more] = operator.kind === 'project' ? [operator.details.join(', ')] : operator.details;
  const rows =
    operator.estimatedRows === undefined ? '' : `  ~${formatCount(Math.round(operator.estimatedRows))}`;
  return [
    `${pad}${operator.kind}${detail === undefined ? '' : ` ${shorten(detail)}`}${rows}`,
    ...more.map((line) => `${pad}    ${shorten(line)}`),
    ...operator.children.flatMap((child) => operatorLines(child, depth + 1)),
  ];
}

function taskLines({ task, attempts }: TaskTree): string[] {
  return attempts.map((attempt) => {
    const number = attempt.attempt === 0 ? '' : `, attempt ${attempt.attempt + 1}`;
    const state = attempt.state === 'finished' ? '' : ` ${attempt.state}`;
    const outcome =
      attempt.state === 'finished'
        ? ` ${formatCount(attempt.outputRows)} rows`
        : attempt.error === undefined
          ? ''
          : ` (${shorten(attempt.error)})`;
    return `task ${task}${number} on ${attempt.worker}:${state}${outcome} in ${formatDuration(attempt.elapsedMs)}`;
  });
}

/** A line of SQL longer than this holds a constant that nobody reads; the tree as JSON has it in full. */
const sqlLineLength = 2_000;

function sqlLines(sql: string): string[] {
  return sql.split('\n').map((line) => {
    if (line.length <= sqlLineLength) return line;
    const half = sqlLineLength >> 1;
    const left = formatCount(line.length - 2 * half);
    return `${line.slice(0, half)} /* ... ${left} characters ... */ ${line.slice(-half)}`;
  });
}

function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > 160 ? `${line.slice(0, 157)}...` : line;
}

function indent(lines: readonly string[], by: string): string[] {
  return lines.map((line) => `${by}${line}`.trimEnd());
}
