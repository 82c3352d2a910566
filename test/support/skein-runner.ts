import type { QueryTree } from '../../src/coordinator/index.ts';
import type { OperatorTree } from '../../src/plan/index.ts';
import { formatType, type SqlValue } from '../../src/types/index.ts';
import { startTestEngine } from './engine.ts';
import type { Runner } from './runner.ts';

export interface SkeinRunner extends Runner {
  /** The stages of the query that ran last. */
  tree(): QueryTree;
  /**
   * What of the last query was not spread over all workers, in words: empty when every worker had a share of its
   * scans.
   */
  gathered(): string[];
}

export interface SkeinOptions {
  readonly workers: number;
  /** `partitioned`: no side of a join is small enough to be sent to all workers. */
  readonly joins?: 'partitioned' | 'any';
}

/** Skein in this process over a folder of tables, always distributed, in UTC. */
export async function embeddedSkein(
  directory: string,
  { workers, joins = 'any' }: SkeinOptions,
): Promise<SkeinRunner> {
  const limits = joins === 'partitioned' ? { broadcastBytes: 1 } : {};
  const engine = await startTestEngine({ dataDir: directory, workers, limits });
  let last: QueryTree | undefined;
  const tree = (): QueryTree => {
    if (last === undefined) throw new Error('no query has run');
    return last;
  };
  return {
    name: `Skein with ${workers} ${workers === 1 ? 'worker' : 'workers'}, ${joins} joins`,
    async query(sql, { settings = {}, params } = {}) {
      const handle = await engine.service.submit({
        sql,
        settings: { TimeZone: 'UTC', ...settings, local_bypass: 'off' },
        ...(params === undefined ? {} : { params }),
      });
      const rows: SqlValue[][] = [];
      try {
        for await (const batch of handle.batches) {
          for (let row = 0; row < batch.rowCount; row += 1) {
            rows.push(batch.columns.map((values) => values[row] ?? null));
          }
        }
      } finally {
        last = engine.service.tree(handle.id);
      }
      return { columns: handle.columns.map(({ name, type }) => ({ name, type: formatType(type) })), rows };
    },
    tree,
    gathered: () => notSpread(tree(), workers),
    close: () => engine.close(),
  };
}

function notSpread(tree: QueryTree, workers: number): string[] {
  const scanning = tree.stages.filter(({ operators }) => scans(operators));
  const problems = scanning
    .filter(({ tasks }) => tasks.length < 2)
    .map(({ id, sql }) => `stage ${id} scans in one task: ${sql}`);
  const used = new Set(
    scanning.flatMap(({ tasks }) =>
      tasks.flatMap(({ attempts }) =>
        attempts.filter(({ state }) => state === 'finished').map(({ worker }) => worker),
      ),
    ),
  );
  if (used.size < workers) problems.push(`scans ran on ${used.size} of ${workers} workers`);
  if (scanning.length === 0) problems.push('no stage scans');
  return problems;
}

function scans({ kind, children }: OperatorTree): boolean {
  return kind === 'scan' || children.some(scans);
}
