import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll } from 'vitest';

const program = new URL('../../dist/cli/skein.cjs', import.meta.url).pathname;

const running = new Set<ChildProcess>();

function killRunning(): void {
  for (const child of running) child.kill('SIGKILL');
}

// A test that times out never gets to its own cleanup, and a killed test runner to nothing but this.
process.once('exit', killRunning);
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
afterAll(killRunning);

/** A Node process; what it prints is kept for the report of a failing test. */
class NodeProcess {
  readonly child: ChildProcess;
  #output = '';

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(this.child);
    this.child.once('exit', () => running.delete(this.child));
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString();
      });
    }
  }

  get output(): string {
    return this.#output;
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** The first match in what it prints, within a bounded time. */
  async printed(pattern: RegExp, withinMs = 20_000): Promise<string> {
    await until(`output like ${pattern}`, withinMs, () => {
      if (pattern.test(this.#output)) return true;
      if (!this.running) throw new Error(`the process ended early:\n${this.#output}`);
      return false;
    });
    const match = pattern.exec(this.#output);
    return match?.[1] ?? match?.[0] ?? '';
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Kills it as a power cut would; resolves when it is gone. */
  async kill(): Promise<void> {
    if (!this.running) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
  }

  /** Asks it to end; resolves with its exit code. */
  stop(withinMs = 20_000): Promise<number | null> {
    if (this.running) this.child.kill('SIGTERM');
    return this.ended(withinMs);
  }

  /** Waits for its end; resolves with its exit code. */
  async ended(withinMs = 20_000): Promise<number | null> {
    if (this.running) await once(this.child, 'exit', { signal: AbortSignal.timeout(withinMs) });
    return this.child.exitCode;
  }
}

/** The command `skein` of the built package. */
export class SkeinProcess extends NodeProcess {
  constructor(args: readonly string[]) {
    super([program, ...args]);
  }
}

/** An ES module given as text. */
export class NodeScript extends NodeProcess {
  constructor(text: string) {
    super(['--input-type=module', '--eval', text]);
  }
}

/** Polls until the condition holds; fails after a bounded time. */
export async function until(
  what: string,
  withinMs: number,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited ${withinMs} ms in vain for ${what}`);
    await delay(20);
  }
}
