import { SkeinError, SqlState } from '../common/index.ts';

/** Work that nobody waits for, until the service closes: then it is told to stop, and waited for. */
export class BackgroundWork {
  readonly #controller = new AbortController();
  readonly #running = new Set<Promise<void>>();

  /** @param work its errors are nobody's: what it must tell, it tells itself */
  begin(work: (signal: AbortSignal) => Promise<unknown>): void {
    if (this.#controller.signal.aborted) return;
    const running: Promise<void> = work(this.#controller.signal).then(
      () => {
        this.#running.delete(running);
      },
      () => {
        this.#running.delete(running);
      },
    );
    this.#running.add(running);
  }

  async close(): Promise<void> {
    this.#controller.abort(new SkeinError(SqlState.adminShutdown, 'the coordinator is shutting down'));
    await Promise.all(this.#running);
  }
}
