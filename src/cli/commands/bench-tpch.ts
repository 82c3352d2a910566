import type { CommandSpec } from '../command.ts';

export const benchTpchCommand: CommandSpec = {
  name: 'bench tpch',
  summary: 'run TPC-H on bare DuckDB and on Skein in turn, check the answers and compare the times',
  details: `DIR holds the eight tables as Parquet: DIR/lineitem.parquet, or Parquet files below DIR/lineitem, and so on. Bare
DuckDB has all cores; Skein's workers share them evenly. Each query runs once to warm up and then --runs times on every
engine in turn. Prints medians in ms and ratios to bare DuckDB; writes tpch.json and tpch.svg to --out.

Larger data, with the DuckDB command line (its tpch extension is not part of the npm package):
  duckdb -c "INSTALL tpch; LOAD tpch; CALL dbgen(sf = 1); EXPORT DATABASE 'sf1' (FORMAT parquet)"
or from a small data set, by copies with keys of their own: skein help bench tpch-data`,
  options: [
    'data',
    'benchWorkers',
    'benchQueries',
    'benchRuns',
    'benchOut',
    'benchProcesses',
    'set',
    'spool',
  ],
  examples: [
    {
      command: 'skein bench tpch --data sf1 --workers 1,2,4',
      does: 'all 22 queries, workers in this process',
    },
    {
      command: 'skein bench tpch -d sf1 -w 2 --processes',
      does: 'also two worker processes over the network',
    },
    { command: 'skein bench tpch -d sf1 -w 1 -q 1,6 -r 7', does: 'two queries, seven runs' },
  ],
  async run(context) {
    const { runTpch } = await import('../bench/run-tpch.ts');
    return await runTpch(context);
  },
};
