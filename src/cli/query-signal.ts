import { canceledError, formatDuration } from '../common/index.ts';
import type { CommandContext } from './command.ts';

/**
 * Does what a query command does, under a signal that aborts when the user asks for it, or after --timeout.
 * @throws what `work` throws; 57014 naming the timeout where that was why
 */
export async function withQuerySignal<T>(
  { config, interrupt }: Pick<CommandContext, 'config' | 'interrupt'>,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { timeout } = config.values;
  if (timeout === undefined) return await work(interrupt.signal);
  const late = new AbortController();
  const reason = canceledError(`the query took longer than ${formatDuration(timeout)} (--timeout)`);
  const timer = setTimeout(() => late.abort(reason), timeout);
  try {
    return await work(AbortSignal.any([interrupt.signal, late.signal]));
  } catch (error) {
    throw late.signal.aborted ? reason : error;
  } finally {
    clearTimeout(timer);
  }
}
