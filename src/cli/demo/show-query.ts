import type { SkeinClient } from '../../client/index.ts';
import { formatDuration } from '../../common/index.ts';
import { resultFormatter } from '../render/result-formatter.ts';
import { renderStageTree } from '../render/stage-tree.ts';
import type { Output } from '../terminal.ts';
import type { SampleQuery } from './sample-queries.ts';

/** Where there is no terminal to ask. */
const plainWidth = 120;

/** Runs a query and shows its SQL, its result, its stages and what it took. */
export async function showQuery(
  client: SkeinClient,
  { title, sql }: SampleQuery,
  number: number,
  out: Output,
  signal: AbortSignal,
): Promise<void> {
  const { style } = out;
  const width = out.width() ?? plainWidth;
  await out.write(`\n${style.bold(`${number}. ${title}`)}\n\n${indent(style.cyan(sql), '     ')}\n\n`);

  const result = client.query(sql, { settings: { local_bypass: 'off' }, signal });
  const formatter = resultFormatter('table', { width: width - 3, maxRows: 10, style });
  const parts = [formatter.begin(await result.columns())];
  for await (const batch of result) parts.push(formatter.batch(batch));
  const table = (parts.join('') + formatter.end()).trimEnd().split('\n').slice(0, -1);
  await out.write(`${indent(table.join('\n'), '   ')}\n\n`);

  const tree = await client.tree(await result.id());
  const stages = tree === undefined ? [] : renderStageTree(tree, width - 3, style);
  const { rows, elapsedMs, stages: stageCount, tasks, workers } = result.stats();
  const summary = `${rows} rows in ${formatDuration(elapsedMs)}: ${stageCount} stages, ${tasks} tasks on ${workers} workers`;
  await out.write(`${indent([...stages, '', style.dim(summary)].join('\n'), '   ')}\n`);
}

function indent(text: string, by: string): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? line : by + line))
    .join('\n');
}
