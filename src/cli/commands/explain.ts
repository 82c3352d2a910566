import type { CommandSpec } from '../command.ts';
import { openSession } from '../open-session.ts';
import { engineOptions, warehouseOptions } from '../option-groups.ts';
import { withQuerySignal } from '../query-signal.ts';
import { readSql } from '../read-sql.ts';

export const explainCommand: CommandSpec = {
  name: 'explain',
  arguments: '[sql]',
  summary: "show a query's stages, tasks, exchanges and the SQL of each fragment",
  details: 'With --analyze the query runs, and rows, bytes and times are shown beside the estimates.',
  options: [
    'analyze',
    'explainFormat',
    ...warehouseOptions,
    'workers',
    'server',
    'param',
    'file',
    'schema',
    'set',
    'timeout',
    ...engineOptions,
  ],
  examples: [
    {
      command: 'skein explain "SELECT count(*) FROM events" -d DIR -w 3',
      does: 'how it would run on three workers',
    },
    { command: 'skein explain -a "FROM events" -d DIR', does: 'how it ran' },
    {
      command: 'skein explain "FROM t" -d DIR --set local_bypass=off',
      does: 'distributed even if it is small',
    },
    { command: 'skein explain -f dot "FROM t" -d DIR | dot -Tsvg > plan.svg', does: 'a drawing' },
  ],
  async run(context) {
    const { analyze, explainFormat, param, schema, set } = context.config.values;
    const sql = await readSql(context);
    context.setSql(sql);
    await withQuerySignal(context, async (signal) => {
      await using session = await openSession(context);
      const options = { params: param, schema: schema ?? 'main', settings: set, signal };
      const text = await session.explain(sql, { analyze, format: explainFormat, ...options });
      await context.out.write(`${text.trimEnd()}\n`);
    });
    return 0;
  },
};
