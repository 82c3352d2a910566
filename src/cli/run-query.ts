import type { QueryOptions, Session } from '../client/index.ts';
import type { CommandContext } from './command.ts';
import { linesFormatter } from './render/lines.ts';
import { ProgressBar } from './render/progress.ts';
import { resultFormatter } from './render/result-formatter.ts';
import { renderSummary } from './render/summary.ts';

/** Runs one query and writes its rows as they come, a progress bar before them and a summary after them. */
export async function runQuery(
  session: Session,
  sql: string,
  options: QueryOptions,
  { config, out, err }: Pick<CommandContext, 'config' | 'out' | 'err'>,
): Promise<void> {
  const { values } = config;
  const result = session.query(sql, options);
  const progress = new ProgressBar(err, async () => await session.get(await result.id()));
  if (values.progress === 'auto' && err.isTerminal) progress.start();
  try {
    const isText = values.format === 'table' && /^\s*(EXPLAIN|SHOW\s+CREATE)\b/i.test(sql);
    const formatter = isText
      ? linesFormatter()
      : resultFormatter(values.format, {
          width: out.width(),
          maxRows: out.isTerminal && values.maxRows > 0 ? values.maxRows : undefined,
          style: out.style,
        });
    const write = async (text: string): Promise<void> => {
      // Both would be on the same screen.
      if (text !== '' && out.isTerminal) await progress.stop();
      await out.write(text);
    };
    await write(formatter.begin(await result.columns()));
    for await (const batch of result) await write(formatter.batch(batch));
    await write(formatter.end());
  } finally {
    await progress.stop();
  }
  if (values.stats) await err.write(`${err.style.dim(renderSummary(result.stats()))}\n`);
}
