import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { difference } from '../support/compare.ts';
import { makeSplittable } from '../support/engine.ts';
import { ownTpchData, readAnswer, readTpchQueries } from '../tpch/answers.ts';
import { Cluster } from './cluster.ts';

const queries = await readTpchQueries();
let data: string;
let cluster: Cluster;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'skein-tpch-'));
  await makeSplittable(ownTpchData('sf0.01'), data);
  cluster = await Cluster.start(data, 3);
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await rm(data, { recursive: true, force: true });
});

test.each(queries)('$name on three worker processes', async ({ name, sql, order }) => {
  const result = await cluster.query(sql);
  const answer = await readAnswer('sf0.01', name, result.columns);
  expect(difference(answer, result, order)).toBeUndefined();
});
