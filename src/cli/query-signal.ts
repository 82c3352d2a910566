import { canceledError, formatDuration } from '../common/index.ts';

/** Aborts when the user asks for it, or when the query has had its time. */
export function querySignal(interrupt: AbortSignal, timeoutMs: number | undefined): AbortSignal {
  if (timeoutMs === undefined) return interrupt;
  const timeout = new AbortController();
  setTimeout(
    () => timeout.abort(canceledError(`the query took longer than ${formatDuration(timeoutMs)} (--timeout)`)),
    timeoutMs,
  ).unref();
  return AbortSignal.any([interrupt, timeout.signal]);
}
