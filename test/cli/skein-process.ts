import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const root = join(import.meta.dirname, '../..');
/** Built by `npm run build`, as the tests of the command need it. */
const command = join(root, 'dist/cli/skein.cjs');

export const tpchFolder = join(root, 'test/data/tpch/sf0.01');

export interface Ended {
  /** Undefined where a signal ended it. */
  readonly exitCode: number | undefined;
  readonly out: string;
  readonly err: string;
}

/** A home of its own for each test file, with no variables of whoever runs the tests. */
export class SkeinHome {
  readonly path = mkdtempSync(join(tmpdir(), 'skein-cli-'));
  readonly #running = new Set<SkeinProcess>();

  /** Runs a command to its end. */
  run(args: readonly string[], input?: string, env: Readonly<Record<string, string>> = {}): Promise<Ended> {
    return this.start(args, input, env).ended;
  }

  start(args: readonly string[], input?: string, env: Readonly<Record<string, string>> = {}): SkeinProcess {
    const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('SKEIN_'));
    const child = spawn(process.execPath, [command, ...args], {
      env: { ...Object.fromEntries(clean), SKEIN_HOME: this.path, ...env },
      stdio: 'pipe',
    });
    child.stdin.end(input ?? '');
    const started = new SkeinProcess(child);
    this.#running.add(started);
    return started;
  }

  /** Ends what still runs and takes the folder away. */
  async remove(): Promise<void> {
    for (const running of this.#running) running.kill('SIGKILL');
    await Promise.all([...this.#running].map(({ ended }) => ended));
    rmSync(this.path, { recursive: true });
  }
}

/** A running command. */
export class SkeinProcess {
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  #out = '';
  #err = '';

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on('data', (text: Buffer) => {
      this.#out += text.toString('utf8');
    });
    child.stderr?.on('data', (text: Buffer) => {
      this.#err += text.toString('utf8');
    });
    this.ended = new Promise((resolve) => {
      child.once('close', (code) => resolve({ exitCode: code ?? undefined, out: this.#out, err: this.#err }));
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** As a reader that has seen enough. */
  closeStdout(): void {
    this.#child.stdout?.destroy();
  }

  /** The first match of the pattern in what the command writes; rejects when it ends without. */
  async waitFor(pattern: RegExp): Promise<RegExpExecArray> {
    let ended = false;
    void this.ended.then(() => {
      ended = true;
    });
    for (;;) {
      const match = pattern.exec(this.#out) ?? pattern.exec(this.#err);
      if (match) return match;
      if (ended) throw new Error(`ended without ${pattern}: ${this.#out}${this.#err}`);
      await delay(20);
    }
  }
}
