import { once } from 'node:events';
import { formatDuration } from '../common/index.ts';
import type { CommandContext } from './command.ts';

/** Waits until the user ends the command, and says that it is ending. */
export async function serveUntilInterrupted({ interrupt, err }: CommandContext): Promise<void> {
  if (!interrupt.signal.aborted) await once(interrupt.signal, 'abort');
  await err.write(`\n${err.style.dim('shutting down; Ctrl-C again ends at once')}\n`);
}

/** Lets `close` have its time, and goes on without it then. */
export async function closeWithin(
  close: () => Promise<void>,
  timeoutMs: number,
  { err }: Pick<CommandContext, 'err'>,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), timeoutMs);
  });
  const outcome = await Promise.race([close().then(() => 'closed' as const), timeout]);
  clearTimeout(timer);
  if (outcome === 'late') await err.write(`gave up waiting after ${formatDuration(timeoutMs)}\n`);
}
