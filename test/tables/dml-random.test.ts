import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestEngine } from '../support/engine.ts';
import { randomSteps } from './support/dml-generator.ts';
import { DmlPair, type Step, type Variant } from './support/dml-pair.ts';
import { dmlVariants } from './support/dml-variants.ts';

/** Each variant gets as many of them. `SKEIN_LONG=1` for more. */
const sequences = process.env.SKEIN_LONG === '1' ? 60 : 24;
const firstSeed = 1;
const stepsEach = 6;

let dir: string;
let engines: readonly TestEngine[] = [];
let variants: readonly Variant[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skein-dml-random-'));
  ({ variants, engines } = await dmlVariants(dir));
});

afterAll(async () => {
  await Promise.all(engines.map((engine) => engine.close()));
  await rm(dir, { recursive: true, force: true });
});

async function compared(variant: Variant, steps: readonly Step[]): Promise<string | undefined> {
  const pair = await DmlPair.open(variant);
  try {
    return await pair.run(steps);
  } finally {
    await pair.close();
  }
}

/** The statements that it takes to see a difference: those behind it are cut off, then whichever are not needed. */
async function shrunk(variant: Variant, steps: readonly Step[]): Promise<readonly Step[]> {
  let least = steps;
  for (let length = 3; length < least.length; length += 1) {
    if ((await compared(variant, least.slice(0, length))) !== undefined) least = least.slice(0, length);
  }
  for (let index = least.length - 2; index >= 2; index -= 1) {
    const without = least.filter((_, at) => at !== index);
    if ((await compared(variant, without)) !== undefined) least = without;
  }
  return least;
}

const batches = Array.from({ length: 4 }, (_, index) => index);

test.each(batches)('random changes are those of DuckDB, part %i', { timeout: 240_000 }, async (part) => {
  const found: string[] = [];
  for (let index = part; index < sequences; index += batches.length) {
    const seed = firstSeed + index;
    const variant = variants[index % variants.length];
    if (variant === undefined) throw new Error('there are variants');
    const steps = randomSteps(seed, stepsEach);
    if ((await compared(variant, steps)) === undefined) continue;
    const least = await shrunk(variant, steps);
    const difference = await compared(variant, least);
    found.push([`seed ${seed}`, ...least.map(({ sql }) => `${sql};`), difference].join('\n'));
  }
  expect(found).toEqual([]);
});
