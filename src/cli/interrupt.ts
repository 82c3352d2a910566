import { canceledError } from '../common/index.ts';

/** 128 and the signal's number, as shells report it. */
const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

type InterruptSignal = keyof typeof exitCodes;

/** Ctrl-C and its kin: the first asks the command to stop, the second ends the process. */
export class Interrupt {
  readonly #controller = new AbortController();
  #exitCode: number | undefined;

  /** Aborts at the first signal, or when `cancel` is called. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What the process should exit with; undefined when nobody asked it to stop. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  /** Stops the command because nobody reads its output any more. */
  cancel(exitCode: number): void {
    this.#exitCode ??= exitCode;
    this.#controller.abort(canceledError('nobody reads the output any more'));
  }

  listen(): void {
    for (const name of Object.keys(exitCodes) as InterruptSignal[]) {
      process.on(name, () => {
        const code = exitCodes[name];
        if (this.#exitCode !== undefined) process.exit(code);
        this.#exitCode = code;
        this.#controller.abort(canceledError());
      });
    }
  }
}
