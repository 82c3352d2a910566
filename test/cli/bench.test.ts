import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SkeinHome, tpchFolder } from './skein-process.ts';

const home = new SkeinHome();
afterAll(() => home.remove());

describe('skein bench tpch', () => {
  it('checks answers, prints ratios and writes JSON and SVG', async () => {
    const results = join(home.path, 'results');
    const shape = ['--workers', '1,2', '--queries', '1,6', '--runs', '1', '--processes'];
    const { exitCode, out, err } = await home.run([
      'bench',
      'tpch',
      '--data',
      tpchFolder,
      '--out',
      results,
      ...shape,
    ]);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out).toMatch(
      /^query +duckdb ms +1 worker ms +2 workers ms +1 process ms +2 processes ms\nq01 .*\nq06 .*\ntotal .*\nanswers: all equal/,
    );
    const report = JSON.parse(readFileSync(join(results, 'tpch.json'), 'utf8')) as {
      measurements: unknown[];
    };
    expect(report.measurements).toHaveLength(2 * 5);
    expect(readFileSync(join(results, 'tpch.svg'), 'utf8')).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
  });
});
