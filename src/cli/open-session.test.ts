import { describe, expect, it } from 'vitest';
import { SkeinClient } from '../client/index.ts';
import { type FlagValues, loadConfig } from '../config/index.ts';
import type { CommandContext } from './command.ts';
import { openSession } from './open-session.ts';

function context(flags: FlagValues, env: Record<string, string> = {}): CommandContext {
  const refuse = (): never => {
    throw new Error('not asked for');
  };
  return {
    args: [],
    config: loadConfig({ flags: { home: '/nowhere', ...flags }, env, folder: '/' }),
    get out() {
      return refuse();
    },
    get err() {
      return refuse();
    },
    get interrupt() {
      return refuse();
    },
    commands: [],
    setSql: refuse,
  };
}

const server = 'http://127.0.0.1:1';

describe('openSession', () => {
  it('lets the stronger source decide between a folder and a server', async () => {
    await using session = await openSession(context({ server }, { SKEIN_DATA: '/nowhere' }));
    expect(session).toBeInstanceOf(SkeinClient);
    await expect(openSession(context({ data: '/nowhere' }, { SKEIN_SERVER: server }))).rejects.toThrow(
      '--data: there is no folder /nowhere',
    );
  });

  it('refuses both from one source, and neither', async () => {
    await expect(openSession(context({ server, data: '/' }))).rejects.toThrow('not on both');
    await expect(openSession(context({}))).rejects.toThrow('nothing to query');
  });

  it('tells a file from a folder', async () => {
    await expect(openSession(context({ data: import.meta.filename }))).rejects.toThrow('is a file');
  });
});
