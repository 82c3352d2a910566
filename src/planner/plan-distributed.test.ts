import { describe, expect, test } from 'vitest';
import {
  aggregate,
  BIGINT,
  callOf,
  col,
  columns,
  contextOf,
  drawStages,
  eq,
  filter,
  HUGEINT,
  INTEGER,
  int,
  integers,
  join,
  scan,
} from '../../test/support/plans.ts';
import type { Expr, PlanNode } from '../plan/index.ts';
import { fileNotes, operatorTree } from './operator-tree.ts';
import { planDistributed } from './plan-distributed.ts';
import type { PlannerContext } from './stage-plan.ts';
import { validatePlan } from './validate-plan.ts';

const big = scan('big', integers('abc'));
const wide = scan('wide', integers('xyz'));
const tiny = scan('tiny', integers('pq'));
const context = contextOf({
  big: { schema: big.schema },
  wide: { schema: wide.schema, rowCount: 2_000_000 },
  tiny: { schema: tiny.schema, rowCount: 10 },
});

function draw(plan: PlanNode, given: PlannerContext = context): string {
  const distributed = planDistributed(plan, given);
  for (const stage of [...distributed.stages, distributed.root])
    expect(validatePlan(stage.fragment)).toEqual([]);
  return drawStages(distributed);
}

describe('planDistributed', () => {
  test('a filter runs where the splits are', () => {
    expect(draw(columns(filter(big, eq(col(0), int(1))), 1))).toMatchInlineSnapshot(`
      "stage 0, 4 tasks -> gather
        project: b
          filter: a = 1
            scan: big; columns: a, b; prunes by: a = 1
      root, one task -> result
        stage input: stage 0 (whole)"
    `);
  });

  test('a sum is computed in two steps', () => {
    expect(draw(aggregate(big, [0], [callOf('sum', [col(1)], HUGEINT)]))).toMatchInlineSnapshot(`
      "stage 0, 4 tasks -> hash (a)
        project: a; sum_0
          hash aggregate: by: a; sum(b)
            scan: big; columns: a, b
      stage 1, 4 tasks -> gather
        project: a; sum_0
          hash aggregate: by: a; sum(sum_0)
            stage input: stage 0
      root, one task -> result
        stage input: stage 1 (whole)"
    `);
  });

  test('a count without groups ends in the root', () => {
    expect(draw(aggregate(big, [], [callOf('count_star', [], BIGINT)]))).toMatchInlineSnapshot(`
      "stage 0, 4 tasks -> gather
        aggregate: count(*)
          scan: big; columns: a
      root, one task -> result
        project: CASE WHEN sum_0 IS NULL THEN 0 ELSE sum_0 END
          aggregate: sum(count_star_0)
            stage input: stage 0 (whole)"
    `);
  });

  test('a small table is read by every task', () => {
    expect(draw(join('inner', big, tiny, 0, 0))).toMatchInlineSnapshot(`
      "stage 0, 4 tasks -> gather
        hash join (inner): a = p
          scan: big; columns: a, b, c
          scan: tiny (whole); columns: p, q
      root, one task -> result
        stage input: stage 0 (whole)"
    `);
  });

  test('large tables meet by their key, and a group by that key stays there', () => {
    const joined = join('inner', big, wide, 0, 1);
    expect(draw(aggregate(joined, [4], [callOf('median', [col(2)], BIGINT)]))).toMatchInlineSnapshot(`
      "stage 0, 4 tasks -> hash (a)
        scan: big; columns: a, c
      stage 1, 4 tasks -> hash (y)
        scan: wide; columns: y
      stage 2, 4 tasks -> gather
        hash aggregate: by: y; median(c)
          hash join (inner): a = y
            stage input: stage 0
            stage input: stage 1
      root, one task -> result
        stage input: stage 2 (whole)"
    `);
  });

  test('a full join is never broadcast', () => {
    expect(draw(join('full', big, tiny, 0, 0))).toMatchInlineSnapshot(`
      "stage 0, 4 tasks -> hash (a)
        scan: big; columns: a, b, c
      stage 1, 4 tasks -> hash (p)
        scan: tiny; columns: p, q
      stage 2, 4 tasks -> gather
        hash join (full): a = p
          stage input: stage 0
          stage input: stage 1
      root, one task -> result
        stage input: stage 2 (whole)"
    `);
  });
});

describe('tables in shards', () => {
  const orders = scan('orders', integers('oc'));
  const lines = scan('lines', integers('opq'));
  const customers = scan('customers', integers('cn'));
  const sharded = (shards: number, lineShards = shards): PlannerContext =>
    contextOf({
      orders: { schema: orders.schema, rowCount: 2_000_000, sharding: { columns: [0], shards } },
      lines: { schema: lines.schema, rowCount: 8_000_000, sharding: { columns: [0], shards: lineShards } },
      customers: { schema: customers.schema, rowCount: 3_000_000 },
    });

  test('that are alike join by their key without moving, and groups by it stay', () => {
    const joined = join('inner', lines, orders, 0, 0);
    const grouped = aggregate(joined, [3], [callOf('median', [col(2)], BIGINT)]);
    expect(draw(grouped, sharded(8))).toMatchInlineSnapshot(`
      "stage 0, 4 tasks -> gather
        hash aggregate: by: o; median(q)
          hash join (inner): o = o
            scan: lines (by shard); columns: o, q
            scan: orders (by shard); columns: o
      root, one task -> result
        stage input: stage 0 (whole)"
    `);
  });

  test('join and group by their key where it is cast to another integer, and by what is made of it', () => {
    const withKey = (input: PlanNode, key: Expr): PlanNode => ({
      kind: 'project',
      input,
      exprs: [key, col(1)],
      schema: [
        { name: 'key', type: key.type },
        { name: 'other', type: INTEGER },
      ],
    });
    const cast = (fallible: boolean): Expr => ({ kind: 'cast', input: col(0), type: HUGEINT, try: fallible });
    const hugeKey = (input: PlanNode): PlanNode => withKey(input, cast(false));
    const joined = join('inner', hugeKey(lines), hugeKey(orders), 0, 0);
    const grouped = aggregate(joined, [2], [callOf('median', [col(1)], BIGINT)]);
    expect(planDistributed(grouped, sharded(8)).stages).toHaveLength(1);
    const median = [callOf('median', [col(1)], BIGINT)];
    expect(planDistributed(aggregate(hugeKey(lines), [0], median), sharded(8)).stages).toHaveLength(1);
    const tried = aggregate(withKey(lines, cast(true)), [0], median);
    expect(planDistributed(tried, sharded(8)).stages).toHaveLength(2);
  });

  test('of another number do not', () => {
    expect(draw(join('inner', lines, orders, 0, 0), sharded(8, 16))).toMatchInlineSnapshot(`
      "stage 0, 4 tasks -> shard (o)
        scan: orders (by shard); columns: o, c
      stage 1, 4 tasks -> gather
        hash join (inner): o = o
          scan: lines (by shard); columns: o, p, q
          stage input: stage 0
      root, one task -> result
        stage input: stage 1 (whole)"
    `);
  });

  test('too few for the tasks are not read by shard', () => {
    expect(draw(join('inner', lines, orders, 0, 0), sharded(3))).toMatchInlineSnapshot(`
      "stage 0, 4 tasks -> hash (o)
        scan: lines; columns: o, p, q
      stage 1, 4 tasks -> hash (o)
        scan: orders; columns: o, c
      stage 2, 4 tasks -> gather
        hash join (inner): o = o
          stage input: stage 0
          stage input: stage 1
      root, one task -> result
        stage input: stage 2 (whole)"
    `);
  });

  test('let what joins them come to them', () => {
    expect(draw(join('left', lines, customers, 0, 0), sharded(8))).toMatchInlineSnapshot(`
      "stage 0, 4 tasks -> shard (c)
        scan: customers; columns: c, n
      stage 1, 4 tasks -> gather
        hash join (left): o = c
          scan: lines (by shard); columns: o, p, q
          stage input: stage 0
      root, one task -> result
        stage input: stage 1 (whole)"
    `);
  });

  test('are read by splits where nothing is gained by shards', () => {
    expect(
      draw(aggregate(lines, [1], [callOf('sum', [col(2)], HUGEINT)]), sharded(8)),
    ).toMatchInlineSnapshot(`
      "stage 0, 4 tasks -> hash (p)
        project: p; sum_0
          hash aggregate: by: p; sum(q)
            scan: lines; columns: p, q
      stage 1, 4 tasks -> gather
        project: p; sum_0
          hash aggregate: by: p; sum(sum_0)
            stage input: stage 0
      root, one task -> result
        stage input: stage 1 (whole)"
    `);
  });
});

test('a scan of one file is one task, and says which files it reads', () => {
  const prunedScan = () => ({
    rowCount: 10,
    bytes: 1000,
    splitCount: 1,
    note: 'files 1 of 90 (partition 89)',
  });
  const pruned = contextOf({ big: { schema: big.schema, prunedScan } });
  const [stage] = planDistributed(filter(big, eq(col(0), int(1))), pruned).stages;
  expect(stage?.tasks).toEqual({ kind: 'single' });
  const tree = operatorTree(stage?.fragment ?? big, undefined, (scan) => fileNotes(scan, pruned));
  expect(tree.children[0]?.details.at(-1)).toBe('files 1 of 90 (partition 89)');
});
