import { difference } from '../support/compare.ts';
import type { Result, Runner } from '../support/runner.ts';
import { type Query, renderQuery } from './ast.ts';
import { generateQuery } from './generate.ts';
import { shrink } from './shrink.ts';

export type Outcome =
  | { readonly kind: 'same' }
  /** Bare DuckDB does not bind it. */
  | { readonly kind: 'skipped'; readonly message: string }
  | { readonly kind: 'different'; readonly runner: string; readonly problem: string };

/** Runs a query on the oracle and on each of the others. */
async function judge(query: Query, oracle: Runner, others: readonly Runner[]): Promise<Outcome> {
  const sql = renderQuery(query);
  let expected: Result;
  try {
    expected = await oracle.query(sql);
  } catch (error) {
    return { kind: 'skipped', message: String(error) };
  }
  for (const runner of others) {
    const problem = await compareWith(runner, sql, expected);
    if (problem !== undefined) return { kind: 'different', runner: runner.name, problem };
  }
  return { kind: 'same' };
}

async function compareWith(runner: Runner, sql: string, expected: Result): Promise<string | undefined> {
  try {
    return difference(expected, await runner.query(sql), { kind: 'multiset' });
  } catch (error) {
    return `fails: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/**
 * Generates the query of a seed and judges it.
 * @throws Error with the seed, the query and a shrunken query where an answer differs
 */
export async function checkSeed(seed: number, oracle: Runner, others: readonly Runner[]): Promise<Outcome> {
  const query = generateQuery(seed);
  const outcome = await judge(query, oracle, others);
  if (outcome.kind !== 'different') return outcome;
  const culprits = others.filter(({ name }) => name === outcome.runner);
  const failing = async (candidate: Query): Promise<boolean> =>
    (await judge(candidate, oracle, culprits)).kind === 'different';
  const small = await shrink(query, failing, 400);
  const again = await judge(small, oracle, culprits);
  throw new Error(
    [
      `seed ${seed}: ${outcome.runner} differs from ${oracle.name} (SKEIN_SEED=${seed} SKEIN_RANDOM_QUERIES=1 runs it alone)`,
      `query: ${renderQuery(query)}`,
      outcome.problem,
      `shrunken: ${renderQuery(small)}`,
      again.kind === 'different'
        ? again.problem
        : 'the shrunken query does not fail again: the answer is not stable',
    ].join('\n'),
  );
}
