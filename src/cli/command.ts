import type { Config, OptionName } from '../config/index.ts';
import type { Interrupt } from './interrupt.ts';
import type { Output } from './terminal.ts';

/** One command of `skein`: what its help, the shells' completions and the documentation say of it, and what it does. */
export interface CommandSpec {
  /** `query`, or of a group `bench tpch`. */
  readonly name: string;
  /** As in the usage line: `[sql]`. */
  readonly arguments?: string;
  readonly summary: string;
  /** More for its own help, below the summary. */
  readonly details?: string;
  readonly options: readonly OptionName[];
  readonly examples: readonly CommandExample[];
  /**
   * Gives the process's exit code.
   * @throws SkeinError where the command fails; UsageError where the command line is wrong
   */
  run(context: CommandContext): Promise<number>;
}

interface CommandExample {
  readonly command: string;
  readonly does: string;
}

/** What a command is given. */
export interface CommandContext {
  readonly args: readonly string[];
  readonly config: Config;
  readonly out: Output;
  readonly err: Output;
  readonly interrupt: Interrupt;
  /** All of them, for what describes them. */
  readonly commands: readonly CommandSpec[];
  /** Tells the text that an error's position points into, for the caret, as soon as it is known. */
  setSql(sql: string): void;
}
