import { describe, expect, it } from 'vitest';
import type { QueryInfo } from '../../coordinator/index.ts';
import type { Output } from '../terminal.ts';
import { ProgressBar } from './progress.ts';
import { noColors } from './style.ts';

describe('ProgressBar', () => {
  it('draws one line over and over, no wider than the terminal, and takes it away', async () => {
    const texts: string[] = [];
    let drawn = (): void => {};
    const twice = new Promise<void>((resolve) => {
      drawn = () => texts.length >= 2 && resolve();
    });
    const output: Output = {
      write(text) {
        texts.push(text);
        drawn();
        return Promise.resolve();
      },
      isTerminal: true,
      width: () => 60,
      style: noColors,
    };
    const progress = { tasksTotal: 24, tasksFinished: 12, tasksRunning: 3, fraction: 0.5 };
    const info = { state: 'running', progress, stats: { elapsedMs: 3100 } } as QueryInfo;
    const bar = new ProgressBar(output, () => Promise.resolve(info));
    bar.start();
    await twice;
    await bar.stop();
    const [first = ''] = texts;
    expect(first).toBe('\r\x1b[2K 50% ▕█████     ▏ 12 of 24 tasks · 3.10 s');
    expect(texts.at(-1)).toBe('\r\x1b[2K');
    const written = texts.length;
    await bar.stop();
    expect(texts).toHaveLength(written);
  });

  it('writes nothing for a query that ends at once', async () => {
    const refuse = (): never => {
      throw new Error('not asked for');
    };
    const bar = new ProgressBar({ write: refuse, isTerminal: true, width: refuse, style: noColors }, refuse);
    bar.start();
    await bar.stop();
  });
});
