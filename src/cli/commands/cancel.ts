import { SkeinError, SqlState } from '../../common/index.ts';
import type { CommandSpec } from '../command.ts';
import { openClient } from '../open-session.ts';

export const cancelCommand: CommandSpec = {
  name: 'cancel',
  arguments: '<id>',
  summary: 'cancel a query on a server, on all of its workers',
  options: ['server', 'clusterToken'],
  examples: [{ command: 'skein cancel q_m3k9_4f2a', does: 'an id that skein queries shows' }],
  async run(context) {
    const [id = ''] = context.args;
    await using client = await openClient(context);
    if (!(await client.cancel(id))) {
      throw new SkeinError(SqlState.undefinedObject, `no query ${id}`, { hint: 'skein queries lists them' });
    }
    await context.out.write(`canceled ${id}\n`);
    return 0;
  },
};
