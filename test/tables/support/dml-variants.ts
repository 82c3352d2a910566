import { startTestEngine, type TestEngine } from '../../support/engine.ts';
import type { Variant } from './dml-pair.ts';

/** Tables of the scripts have columns `k` and `p`: what divides them is named after those. */
export async function dmlVariants(
  dataDir: string,
): Promise<{ readonly variants: readonly Variant[]; readonly engines: readonly TestEngine[] }> {
  const four = await startTestEngine({ dataDir, workers: 4 });
  const one = await startTestEngine({ dataDir, workers: 1 });
  const off = { local_bypass: 'off' };
  const vectors = `'delta.enableDeletionVectors' = true`;
  const mapped = `'delta.columnMapping.mode' = 'name'`;
  const changes = `'delta.enableChangeDataFeed' = true`;
  const variant = (
    name: string,
    engine: TestEngine,
    settings: Variant['settings'],
    clauses: string,
  ): Variant => ({
    name,
    engine,
    settings,
    clauses,
  });
  return {
    engines: [four, one],
    variants: [
      variant('4 workers', four, off, ''),
      variant('1 worker, bypass', one, { local_bypass: 'auto' }, `WITH (${changes})`),
      variant('vectors', four, off, `WITH (${vectors})`),
      variant('vectors, partitioned, changes', four, off, `PARTITIONED BY (p) WITH (${vectors}, ${changes})`),
      variant('sharded, mapped', four, off, `SHARDED BY HASH (k) INTO 5 SHARDS WITH (${mapped}, ${changes})`),
      variant(
        'partitioned, mapped, bypass',
        four,
        { local_bypass: 'auto' },
        `PARTITIONED BY (p) WITH (${mapped}, ${vectors})`,
      ),
    ],
  };
}
