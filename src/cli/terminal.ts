import type { WriteStream } from 'node:tty';
import { colors, noColors, type Style } from './render/style.ts';

/** Where a command writes: standard output or standard error. */
export interface Output {
  /** Resolves when the text has left this process, so that a slow reader slows the writer. */
  write(text: string): Promise<void>;
  readonly isTerminal: boolean;
  /** Cells of the terminal's line now; undefined where it is no terminal. */
  readonly width: () => number | undefined;
  readonly style: Style;
}

/** Wraps a stream of the process. A reader that went away calls `onClosed`, and all later text is dropped. */
export function streamOutput(
  stream: NodeJS.WriteStream,
  color: 'auto' | 'always' | 'never',
  onClosed: () => void,
): Output {
  const isTerminal = stream.isTTY === true;
  let closed = false;
  stream.on('error', () => {
    // EPIPE, and whatever else makes a stream useless; a command must not die of its reader.
    closed = true;
    onClosed();
  });
  return {
    write: (text) =>
      closed || text === ''
        ? Promise.resolve()
        : new Promise((resolve) => {
            stream.write(text, () => resolve());
          }),
    isTerminal,
    width: () => (isTerminal ? (stream as WriteStream).columns || 80 : undefined),
    style: hasColors(isTerminal, color) ? colors : noColors,
  };
}

/** NO_COLOR and TERM=dumb are what every terminal program obeys (no-color.org). */
function hasColors(isTerminal: boolean, color: 'auto' | 'always' | 'never'): boolean {
  if (color !== 'auto') return color === 'always';
  return isTerminal && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
}
