import { describe, expect, test } from 'vitest';
import {
  aggregate,
  callOf,
  col,
  contextOf,
  drawStages,
  HUGEINT,
  integers,
  scan,
} from '../../test/support/plans.ts';
import type { PlanNode } from '../plan/index.ts';
import { planWrite, type WriteSink } from './plan-write.ts';
import { validatePlan } from './validate-plan.ts';

const big = scan('big', integers('abc'));
const tiny = scan('tiny', integers('pq'));
const distinct = (count: number) => ({ bytes: 1, distinct: count, min: undefined, max: undefined });
const context = contextOf({
  big: { schema: big.schema, statistics: [distinct(10), distinct(100_000), undefined] },
  tiny: { schema: tiny.schema, rowCount: 10, splitCount: 1 },
});

function draw(plan: PlanNode, sink: WriteSink): string {
  const write = planWrite(plan, context, sink, integers('d'));
  for (const stage of [...write.stages, write.root]) expect(validatePlan(stage.fragment)).toEqual([]);
  expect(write.writer).toBe(write.stages.at(-1)?.id);
  return drawStages(write);
}

const together = (position: number, always = false): WriteSink => ({
  kind: 'hash',
  keys: [col(position)],
  always,
});

describe('planWrite', () => {
  test('rows are written where they are', () => {
    expect(draw(big, { kind: 'any' })).toMatchInlineSnapshot(`
      "stage 0, 4 tasks -> gather
        scan: big; columns: a, b, c
      root, one task -> result
        stage input: stage 0 (whole)"
    `);
  });

  test('rows are not moved for a key of few values, nor when one task has them all', () => {
    expect(draw(big, together(0))).toMatchInlineSnapshot(`
      "stage 0, 4 tasks -> gather
        scan: big; columns: a, b, c
      root, one task -> result
        stage input: stage 0 (whole)"
    `);
    expect(draw(tiny, together(0, true))).toMatchInlineSnapshot(`
      "stage 0, one task -> gather
        scan: tiny (whole); columns: p, q
      root, one task -> result
        stage input: stage 0 (whole)"
    `);
  });

  test('rows move to one writer for each of many values, or of unknown ones, or where it must be', () => {
    const moved = draw(big, together(1));
    expect(moved).toMatchInlineSnapshot(`
      "stage 0, 4 tasks -> hash (b)
        scan: big; columns: a, b, c
      stage 1, 4 tasks -> gather
        stage input: stage 0
      root, one task -> result
        stage input: stage 1 (whole)"
    `);
    expect(draw(big, together(2))).toBe(moved.replaceAll('(b)', '(c)'));
    expect(draw(big, together(0, true))).toBe(moved.replaceAll('(b)', '(a)'));
  });

  test('rows that are together already do not move', () => {
    const grouped = aggregate(big, [1], [callOf('sum', [col(0)], HUGEINT)]);
    expect(draw(grouped, together(0, true))).toMatchInlineSnapshot(`
      "stage 0, 4 tasks -> hash (b)
        project: b; sum_0
          hash aggregate: by: b; sum(a)
            scan: big; columns: a, b
      stage 1, 4 tasks -> gather
        project: b; sum_0
          hash aggregate: by: b; sum(sum_0)
            stage input: stage 0
      root, one task -> result
        stage input: stage 1 (whole)"
    `);
  });

  test('a sorted write gathers', () => {
    const keys = [{ expr: col(2), descending: false, nullsFirst: false }];
    expect(draw(big, { kind: 'sorted', keys })).toMatchInlineSnapshot(`
      "stage 0, 4 tasks -> gather
        scan: big; columns: a, b, c
      stage 1, one task -> gather, ordered
        sort: c
          stage input: stage 0 (whole)
      root, one task -> result
        stage input: stage 1 (whole)"
    `);
  });
});
