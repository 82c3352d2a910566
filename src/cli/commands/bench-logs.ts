import type { CommandSpec } from '../command.ts';

export const benchLogsCommand: CommandSpec = {
  name: 'bench logs',
  summary: 'time how queries are planned over Delta tables with very many files and commits',
  details: `Makes two Delta tables below --out, where they are not there yet: one of 100,000 files in 1,000 partitions, and one
of 10,000 commits, each with a checkpoint, statistics of ten columns and ten commits after it. Only one partition has data
files. Each run starts anew, in this process: the first one also pays for code that was never run before. Prints the first
run and the median in ms.`,
  options: ['benchDataOut', 'benchRuns'],
  examples: [{ command: 'skein bench logs --out /tmp/logs', does: 'three runs' }],
  async run(context) {
    const { runLogs } = await import('../bench/run-logs.ts');
    return await runLogs(context);
  },
};
