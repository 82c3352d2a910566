import { formatDuration } from '../../common/index.ts';
import type { QueryInfo } from '../../coordinator/index.ts';
import type { Output } from '../terminal.ts';
import { truncateToWidth } from './display-width.ts';

/** Short queries show no bar. */
const showAfterMs = 400;
const everyMs = 150;
const clearLine = '\r\x1b[2K';

/** As much of a query as the bar shows; or work that is no query yet. */
export type ShownProgress =
  | Pick<QueryInfo, 'state' | 'progress' | 'stats'>
  | { readonly what: string; readonly fraction: number; readonly elapsedMs: number };

/** A line on the terminal that shows how far a query is, until it is stopped. */
export class ProgressBar {
  readonly #output: Output;
  readonly #read: () => Promise<ShownProgress | undefined>;
  #timer: NodeJS.Timeout | undefined;
  #shown = false;
  #stopped = false;

  constructor(output: Output, read: () => Promise<ShownProgress | undefined>) {
    this.#output = output;
    this.#read = read;
  }

  start(): void {
    this.#timer = setTimeout(() => void this.#tick(), showAfterMs);
    this.#timer.unref();
  }

  /** Takes the line away, for good. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#timer);
    if (this.#shown) await this.#output.write(clearLine);
  }

  async #tick(): Promise<void> {
    // A query whose progress cannot be read shows none; its own error is what people should see.
    const info = await this.#read().catch(() => undefined);
    if (this.#stopped) return;
    if (info !== undefined) {
      this.#shown = true;
      await this.#output.write(clearLine + renderProgress(info, this.#output.width() ?? 80));
    }
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#tick(), everyMs).unref();
  }
}

const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** ` 62% ▕██████████▌     ▏ 12 of 24 tasks · 3.10 s`, no wider than the line. */
function renderProgress(shown: ShownProgress, width: number): string {
  const { what, fraction, elapsedMs } = 'what' in shown ? shown : ofQuery(shown);
  const cells = Math.max(10, Math.min(40, width - 50));
  const filled = Math.max(0, Math.min(1, fraction)) * cells;
  const bar = '█'.repeat(Math.floor(filled)) + (eighths[Math.floor((filled % 1) * 8)] ?? '');
  const percent = `${Math.floor(fraction * 100)}%`.padStart(4);
  const text = `${percent} ▕${bar.padEnd(cells)}▏ ${what} · ${formatDuration(elapsedMs)}`;
  return truncateToWidth(text, Math.max(1, width - 1));
}

function ofQuery({ state, progress, stats }: Pick<QueryInfo, 'state' | 'progress' | 'stats'>): {
  readonly what: string;
  readonly fraction: number;
  readonly elapsedMs: number;
} {
  const { fraction, tasksFinished, tasksTotal } = progress;
  const what = state === 'running' ? `${tasksFinished} of ${tasksTotal} tasks` : state;
  return { what, fraction, elapsedMs: stats.elapsedMs };
}
