import type { CommandSpec } from '../command.ts';
import { engineOptions } from '../option-groups.ts';

export const demoCommand: CommandSpec = {
  name: 'demo',
  summary: 'see it work: a coordinator, three worker processes and made-up tables',
  details: `Makes two tables in the home folder on the first start: events (1,000,000 rows) and users (20,000). Runs a few queries on
three worker processes and shows each one's result, stages and times. With --serve it goes on serving until Ctrl-C.`,
  options: ['serve', 'demoWorkers', 'port', 'host', ...engineOptions, 'drainTimeout'],
  examples: [
    { command: 'skein demo', does: 'and back to the shell' },
    { command: 'skein demo --serve', does: 'and keep serving, for queries of your own' },
  ],
  async run(context) {
    const { runDemo } = await import('../demo/run-demo.ts');
    return await runDemo(context);
  },
};
