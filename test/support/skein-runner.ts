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
  const { tables } = await engine.snapshot();
  const divisible = new Set(
    [...tables.values()].filter(({ files }) => files.length > 1).map(({ name }) => name),
  );
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
      const watchdog = setTimeout(() => {
        const stages = engine.service
          .tree(handle.id)
          ?.stages.map(({ id, state, tasks }) => ({ id, state, tasks }));
        console.error(`${sql}\nstill runs: ${JSON.stringify(stages)}`);
      }, 30_000);
      const rows: SqlValue[][] = [];
      try {
        for await (const batch of handle.batches) {
          for (let row = 0; row < batch.rowCount; row += 1) {
            rows.push(batch.columns.map((values) => values[row] ?? null));
          }
        }
      } finally {
        clearTimeout(watchdog);
        last = engine.service.tree(handle.id);
      }
      // The whole query gives the right answer in the planner's place, and would hide what the planner got wrong.
      const fallback = last?.notes.find((note) => note.includes('could not be'));
      if (fallback !== undefined) throw new Error(`${sql}\n${fallback}`);
      return { columns: handle.columns.map(({ name, type }) => ({ name, type: formatType(type) })), rows };
    },
    tree,
    gathered: () => notSpread(tree(), workers, divisible),
    close: () => engine.close(),
  };
}

function notSpread(tree: QueryTree, workers: number, divisible: ReadonlySet<string>): string[] {
  const scanning = tree.stages.filter(({ operators }) => scans(operators, divisible));
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
  return problems;
}

/** Does the fragment scan a table of several files? */
function scans({ kind, details, children }: OperatorTree, divisible: ReadonlySet<string>): boolean {
  if (kind === 'scan') return divisible.has(details[0] ?? '');
  return children.some((child) => scans(child, divisible));
}
