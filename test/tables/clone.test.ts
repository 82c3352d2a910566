import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startTestEngine } from '../support/engine.ts';

test('a clone of a table with deletion vectors is read and changed, and the table stays as it is', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'skein-clone-'));
  const engine = await startTestEngine({ dataDir: dir, workers: 2 });
  try {
    const run = (sql: string) => engine.rows(sql, { local_bypass: 'off' });
    await run(
      `CREATE TABLE t WITH ('delta.enableDeletionVectors' = 'true') AS SELECT i AS id FROM range(100) r(i)`,
    );
    await run('DELETE FROM t WHERE id < 10');
    await run('CREATE TABLE c SHALLOW CLONE t');
    expect(await run('SELECT count(*), min(id) FROM c')).toEqual([[90n, 10n]]);
    expect(await run('DELETE FROM c WHERE id < 20')).toEqual([[10n]]);
    expect(await run('UPDATE c SET id = -id WHERE id = 99')).toEqual([[1n]]);
    expect(await run('SELECT count(*), min(id), max(id) FROM c')).toEqual([[80n, -99n, 98n]]);
    expect(await run('SELECT count(*), min(id), max(id) FROM t')).toEqual([[90n, 10n, 99n]]);
  } finally {
    await engine.close();
    await rm(dir, { recursive: true, force: true });
  }
});
