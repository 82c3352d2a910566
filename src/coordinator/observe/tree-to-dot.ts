import { formatBytes, formatCount, formatDuration } from '../../common/index.ts';
import type { OperatorTree } from '../../plan/index.ts';
import type { QueryTree, StageTree } from '../query-tree.ts';

/** The tree in Graphviz's language: a cluster a stage, its operators inside, exchanges as edges between stages. */
export function treeToDot(tree: QueryTree): string {
  const lines = [
    `digraph ${quote(tree.queryId)} {`,
    '  rankdir=BT;',
    '  compound=true;',
    '  fontname="Helvetica";',
    '  node [shape=box, style="rounded,filled", fillcolor=white, fontname="Helvetica", fontsize=11];',
    '  edge [fontname="Helvetica", fontsize=10];',
  ];
  for (const stage of tree.stages) lines.push(...stageCluster(tree, stage));
  for (const stage of tree.stages) {
    for (const input of stage.inputs) lines.push(exchangeEdge(tree, stage, input));
  }
  lines.push('}');
  return `${lines.join('\n')}\n`;
}

const fills: Readonly<Record<StageTree['state'], string>> = {
  waiting: '#f3f4f6',
  running: '#fef3c7',
  finished: '#dcfce7',
  failed: '#fee2e2',
  canceled: '#e5e7eb',
};

function stageCluster(tree: QueryTree, stage: StageTree): string[] {
  const root = stage === tree.stages.at(-1);
  const where = root ? 'coordinator' : `${stage.tasks.length} ${stage.tasks.length === 1 ? 'task' : 'tasks'}`;
  const label = [`stage ${stage.id}${root ? ' (root)' : ''}: ${where}`, stageFacts(stage)].filter(Boolean);
  const lines = [
    `  subgraph cluster_${stage.id} {`,
    `    label=${quote(label.join('\n'))};`,
    '    style="rounded,filled";',
    `    fillcolor=${quote(fills[stage.state])};`,
    `    tooltip=${quote(stage.sql)};`,
  ];
  let next = 0;
  const add = (operator: OperatorTree): string => {
    const name = `s${stage.id}_${next}`;
    next += 1;
    lines.push(`    ${name} [label=${quote(operatorLabel(operator))}];`);
    for (const child of operator.children) lines.push(`    ${add(child)} -> ${name};`);
    return name;
  };
  add(stage.operators);
  lines.push('  }');
  return lines;
}

function stageFacts(stage: StageTree): string {
  const facts: string[] = [];
  if (stage.actualRows !== undefined) {
    facts.push(`${formatCount(stage.actualRows)} rows (~${formatCount(Math.round(stage.estimatedRows))})`);
  } else facts.push(`~${formatCount(Math.round(stage.estimatedRows))} rows`);
  if (stage.elapsedMs !== undefined) facts.push(formatDuration(stage.elapsedMs));
  return facts.join(', ');
}

function operatorLabel(operator: OperatorTree): string {
  const details = operator.details
    .slice(0, 6)
    .map((line) => (line.length > 60 ? `${line.slice(0, 57)}...` : line));
  return [operator.kind, ...details].join('\n');
}

/** From the top operator of the producing stage to a leaf of the reading one. */
function exchangeEdge(tree: QueryTree, stage: StageTree, input: StageTree['inputs'][number]): string {
  const producer = tree.stages.find((other) => other.id === input.stage);
  const label = [
    producer?.output ?? '',
    input.read === 'all' && stage.tasks.length > 1 ? 'to every task' : '',
    producer?.outputBytes === undefined ? '' : formatBytes(producer.outputBytes),
  ].filter(Boolean);
  const to = leafFor(stage, input.stage);
  return (
    `  s${input.stage}_0 -> s${stage.id}_${to} ` +
    `[label=${quote(label.join('\n'))}, style=bold, ltail=cluster_${input.stage}];`
  );
}

/** Number of the leaf that reads the stage, in the order in which `stageCluster` counts; the top where none says so. */
function leafFor(stage: StageTree, producer: number): number {
  let next = 0;
  let found: number | undefined;
  const visit = (operator: OperatorTree): void => {
    const number = next;
    next += 1;
    const text = [operator.kind, ...operator.details].join(' ');
    if (operator.children.length === 0 && new RegExp(`\\bstage ${producer}\\b`).test(text)) found ??= number;
    operator.children.forEach(visit);
  };
  visit(stage.operators);
  return found ?? 0;
}

function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}
