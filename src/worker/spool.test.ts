import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AttemptId, queryId, SkeinError, stageId, systemClock, systemRandom } from '../common/index.ts';
import { scratchError } from '../exchange/index.ts';
import { type ProcessIdentity, processIdentity } from './host-identity.node.ts';
import { Spool } from './spool.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'skein-spool-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const open = (): Promise<Spool> => Spool.open({ dir, clock: systemClock, random: systemRandom });

function attempt(query = 'q_1', stage = 1, task = 0, number = 0): AttemptId {
  return { queryId: queryId(query), stageId: stageId(stage), task, attempt: number };
}

async function leftBy(owner: Partial<ProcessIdentity>, name: string): Promise<string> {
  const folder = path.join(dir, name);
  await mkdir(path.join(folder, 'out'), { recursive: true });
  await writeFile(path.join(folder, 'owner.json'), JSON.stringify({ ...processIdentity(), ...owner }));
  return folder;
}

describe('Spool', () => {
  it('removes the folders of processes that have ended, and no others', async () => {
    const ended = spawnSync('true').pid;
    const stale = await Promise.all([
      leftBy({ pid: ended }, `${ended}-aaaaaaaa`),
      leftBy({ startTicks: '1' }, `${process.pid}-bbbbbbbb`),
      leftBy({ bootId: 'an earlier boot' }, `${process.pid}-cccccccc`),
    ]);
    const alive = await Promise.all([
      leftBy({}, `${process.pid}-dddddddd`),
      leftBy({ pid: ended, hostName: 'another-host' }, `${ended}-eeeeeeee`),
      leftBy({ pid: ended, pidNamespace: 'pid:[1]' }, `${ended}-ffffffff`),
      leftBy({ pid: ended }, 'not-a-spool'),
    ]);
    const spool = await open();
    expect(stale.filter((folder) => existsSync(folder))).toEqual([]);
    expect(alive.filter((folder) => !existsSync(folder))).toEqual([]);
    await spool.close();
    expect(existsSync(spool.root)).toBe(false);
  });

  it('leaves a living process alone until it is killed', async () => {
    const child = spawn('sleep', ['60']);
    const folder = await leftBy({ pid: child.pid ?? 0, startTicks: '' }, `${child.pid}-aaaaaaaa`);
    await (await open()).close();
    expect(existsSync(folder)).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await (await open()).close();
    expect(existsSync(folder)).toBe(false);
  });

  it('removes a folder that nobody owns only when it is old', async () => {
    const folder = path.join(dir, '1-aaaaaaaa');
    await mkdir(folder);
    await writeFile(path.join(folder, 'owner.json'), '{"pid": ');
    await (await open()).close();
    expect(existsSync(folder)).toBe(true);
    await utimes(folder, new Date(0), new Date(0));
    await (await open()).close();
    expect(existsSync(folder)).toBe(false);
  });

  it('serves the files of finished attempts only', async () => {
    const spool = await open();
    const id = attempt();
    const folder = await spool.createAttempt(id);
    await writeFile(path.join(folder, 'p0-0.parquet'), 'abc');
    await writeFile(path.join(folder, 'other'), 'abc');
    expect(spool.committedFile(id, 'p0-0.parquet')).toBeUndefined();
    spool.commitAttempt(id, [{ name: 'p0-0.parquet', path: path.join(folder, 'p0-0.parquet'), bytes: 3n }]);
    expect(spool.committedFile(id, 'p0-0.parquet')).toEqual({
      path: path.join(folder, 'p0-0.parquet'),
      bytes: 3,
    });
    for (const name of ['other', '../0/p0-0.parquet', '', '__proto__', 'constructor']) {
      expect(spool.committedFile(id, name)).toBeUndefined();
    }
    expect(spool.committedFile(attempt('q_1', 1, 0, 1), 'p0-0.parquet')).toBeUndefined();
    expect(spool.bytes).toBe(3);
    await spool.discardAttempt(id);
    expect(spool.committedFile(id, 'p0-0.parquet')).toBeUndefined();
    expect(spool).toMatchObject({ bytes: 0, isEmpty: true });
    await spool.close();
  });

  it('drops a query for good, and only that one', async () => {
    const spool = await open();
    for (const query of ['q_1', 'q_1-1']) {
      const file = path.join(await spool.createAttempt(attempt(query)), 'f');
      await writeFile(file, '12345');
      spool.commitAttempt(attempt(query), [{ name: 'f', path: file, bytes: 5n }]);
    }
    await spool.dropQuery('q_1');
    await spool.dropQuery('q_1');
    expect(await readdir(path.join(spool.root, 'out'))).toEqual(['q_1-1']);
    expect(spool.bytes).toBe(5);
    await expect(spool.createAttempt(attempt('q_1', 2))).rejects.toMatchObject({ sqlState: '57014' });
    expect(() => spool.commitAttempt(attempt('q_1', 3), [])).toThrow(SkeinError);
    await spool.close();
  });

  it('forgets the outputs of a coordinator that has forgotten it, and goes on', async () => {
    const spool = await open();
    const folder = await spool.createAttempt(attempt());
    spool.commitAttempt(attempt(), [{ name: 'f', path: path.join(folder, 'f'), bytes: 5n }]);
    await spool.discardCommitted();
    expect(existsSync(folder)).toBe(false);
    expect(spool).toMatchObject({ bytes: 0, isEmpty: true });
    await spool.createAttempt(attempt('q_1', 1, 0, 1));
    await spool.close();
  });

  it('makes no folder from a malformed id', async () => {
    const spool = await open();
    for (const id of ['../q', 'a/b', '', '.', 'q.1']) {
      await expect(spool.createAttempt(attempt(id))).rejects.toMatchObject({ sqlState: 'XX000' });
      await spool.dropQuery(id);
    }
    await expect(spool.createAttempt(attempt('q', -1))).rejects.toMatchObject({ sqlState: 'XX000' });
    await expect(spool.createAttempt(attempt('q', 1.5))).rejects.toMatchObject({ sqlState: 'XX000' });
    expect(existsSync(spool.root)).toBe(true);
    expect(await spool.freeBytes()).toBeGreaterThan(0);
    await spool.close();
  });

  it('names a folder that cannot be used', async () => {
    const file = path.join(dir, 'file');
    await writeFile(file, '');
    const opening = Spool.open({ dir: path.join(file, 'spool'), clock: systemClock, random: systemRandom });
    await expect(opening).rejects.toMatchObject({ sqlState: '58030' });
  });
});

describe('scratchError', () => {
  it('tells a full disk from other faults', () => {
    const full = Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
    expect(scratchError(full, '/spool')).toMatchObject({ sqlState: '53100', retry: 'task' });
    const broken = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
    expect(scratchError(broken, '/spool')).toMatchObject({ sqlState: '58030', retry: 'task' });
    const ours = new SkeinError('57014', 'canceled');
    expect(scratchError(ours, '/spool')).toBe(ours);
  });
});
