import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ShadowCatalog } from '../../src/duckdb/index.ts';
import type { PlanNode } from '../../src/plan/index.ts';
import { planDistributed, validatePlan } from '../../src/planner/index.ts';
import { rules } from '../../src/planner/rules/index.ts';
import { drawStages } from '../support/plans.ts';
import { tpchContext, tpchQuery, tpchShadowTables } from '../support/tpch.ts';

const numbers = Array.from({ length: 22 }, (_, index) => index + 1);
const context = tpchContext(4);
let shadow: ShadowCatalog;

beforeAll(async () => {
  shadow = await ShadowCatalog.create();
});

afterAll(() => shadow.close());

async function bind(number: number): Promise<PlanNode> {
  const bound = await shadow.bind({
    sql: tpchQuery(number),
    schema: 'main',
    settings: {},
    tables: { version: 1, tables: tpchShadowTables },
    evaluate: () => Promise.resolve([]),
    signal: new AbortController().signal,
  });
  if (bound.kind !== 'plan') throw new Error(`query ${number} has no plan`);
  return bound.plan;
}

describe('TPC-H at scale factor 1 over four tasks', () => {
  test.each(numbers)('query %i', async (number) => {
    const plan = planDistributed(await bind(number), context);
    const name = `q${String(number).padStart(2, '0')}.txt`;
    await expect(`${drawStages(plan)}\n`).toMatchFileSnapshot(`tpch-sf1/${name}`);
  });

  test.each(numbers)(
    'every rewrite of query %i gives a sound plan of the same schema, and is idempotent',
    async (number) => {
      let plan = await bind(number);
      for (const rule of rules) {
        const { schema } = plan;
        plan = rule.apply(plan, context) ?? plan;
        expect(validatePlan(plan), rule.name).toEqual([]);
        expect(plan.schema, rule.name).toEqual(schema);
        expect(rule.apply(plan, context), rule.name).toBeUndefined();
      }
    },
  );
});
