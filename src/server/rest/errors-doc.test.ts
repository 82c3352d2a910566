import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { SkeinError, SqlState } from '../../common/index.ts';
import { httpStatus } from './http-status.ts';

const root = new URL('../../../', import.meta.url);

/** The table of docs/errors.md: HTTP status by SQLSTATE. */
function documented(): [string, number][] {
  const text = readFileSync(new URL('docs/errors.md', root), 'utf8');
  return [...text.matchAll(/^\| ([0-9A-Z]{5}) +\| (\d{3}) +\|/gm)].map(([, state = '', status]) => [
    state,
    Number(status),
  ]);
}

it('docs/errors.md lists every SQLSTATE once, with its HTTP status', () => {
  const states = Object.values(SqlState).sort();
  expect(documented().sort()).toEqual(states.map((state) => [state, httpStatus(new SkeinError(state, ''))]));
});

it('no SQLSTATE is raised that SqlState does not have', () => {
  const known = new Set<string>(Object.values(SqlState));
  const files = readdirSync(new URL('src/', root), { recursive: true, encoding: 'utf8' });
  for (const file of files.filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))) {
    const text = readFileSync(new URL(`src/${file}`, root), 'utf8');
    for (const [, state = ''] of text.matchAll(/new \w*Error\(\s*'([0-9A-Z]{5})'/g)) {
      expect(known.has(state), `${state} in ${file}`).toBe(true);
    }
  }
});
