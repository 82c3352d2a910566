import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestEngine } from '../support/engine.ts';
import { DmlPair, type Step, type Variant } from './support/dml-pair.ts';
import { scripts } from './support/dml-scripts.ts';
import { dmlVariants } from './support/dml-variants.ts';

let dir: string;
let engines: readonly TestEngine[] = [];
let variants: readonly Variant[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skein-dml-'));
  ({ variants, engines } = await dmlVariants(dir));
});

afterAll(async () => {
  await Promise.all(engines.map((engine) => engine.close()));
  await rm(dir, { recursive: true, force: true });
});

async function compared(variant: Variant, steps: readonly (Step | string)[]): Promise<string | undefined> {
  const pair = await DmlPair.open(variant);
  try {
    return await pair.run(steps);
  } finally {
    await pair.close();
  }
}

describe('changes of tables are those of DuckDB', () => {
  test.each(scripts)('$name', { timeout: 120_000 }, async ({ name, steps }) => {
    const found: string[] = [];
    // Every other one: neighbours share what matters.
    for (const variant of variants.filter((_, index) => (index + name.length) % 2 === 0)) {
      const difference = await compared(variant, steps);
      if (difference !== undefined) found.push(difference);
    }
    expect(found).toEqual([]);
  });
});
