import type { CommandSpec } from '../command.ts';
import { openSession } from '../open-session.ts';
import { engineOptions, warehouseOptions } from '../option-groups.ts';
import { withQuerySignal } from '../query-signal.ts';
import { readSql } from '../read-sql.ts';
import { runQuery } from '../run-query.ts';

export const queryCommand: CommandSpec = {
  name: 'query',
  arguments: '[sql]',
  summary: 'run SQL on a folder of files, or on a server, and print the result',
  details: `With --data the engine runs in this process: every Parquet, CSV or JSON file in the folder, and every sub-folder of
such files, is a table of that name. With --server the query runs there.

A - in place of the SQL, or nothing, reads it from standard input. Ctrl-C cancels the query; a second one ends at
once. Exit codes: 0 done, 1 the query failed, 2 the command line is wrong, 130 interrupted.`,
  options: [
    ...warehouseOptions,
    'workers',
    'server',
    'format',
    'param',
    'file',
    'schema',
    'set',
    'stats',
    'maxRows',
    'progress',
    'timeout',
    ...engineOptions,
  ],
  examples: [
    { command: 'skein query "SELECT count(*) FROM events" --data DIR', does: 'tables are what lies in DIR' },
    {
      command: 'skein query "FROM users LIMIT 5" --server http://127.0.0.1:8642',
      does: 'on a running server',
    },
    { command: 'skein query "SELECT * FROM t" -d DIR -f csv > t.csv', does: 'all rows, streamed' },
    { command: 'skein query "FROM t WHERE id = ?" -d DIR --param 42', does: 'with a parameter' },
    { command: 'skein query "FROM t WHERE id = $id" -d DIR --param id=42', does: 'with a named one' },
    { command: 'skein query --file report.sql -d DIR -w 4 --stats', does: 'four workers, and what it took' },
    { command: 'echo "SELECT 1" | skein query - -d DIR', does: 'SQL from a pipe' },
  ],
  async run(context) {
    const { param, schema, set } = context.config.values;
    const sql = await readSql(context);
    context.setSql(sql);
    await withQuerySignal(context, async (signal) => {
      await using session = await openSession(context);
      await runQuery(
        session,
        sql,
        { params: param, schema: schema ?? 'main', settings: set, signal },
        context,
      );
    });
    return 0;
  },
};
