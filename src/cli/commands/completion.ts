import { UsageError } from '../../config/index.ts';
import type { CommandSpec } from '../command.ts';
import { isShell, renderCompletion, shells } from '../render/completion.ts';

export const completionCommand: CommandSpec = {
  name: 'completion',
  arguments: '<shell>',
  summary: 'print a completion script for bash, zsh or fish',
  options: [],
  examples: [
    { command: 'source <(skein completion bash)', does: 'in ~/.bashrc' },
    { command: 'source <(skein completion zsh)', does: 'in ~/.zshrc, after compinit' },
    { command: 'skein completion fish | source', does: 'in ~/.config/fish/config.fish' },
  ],
  async run({ args, commands, out }) {
    const shell = args[0] ?? '';
    if (!isShell(shell))
      throw new UsageError(`no completion for "${shell}"`, `known are ${shells.join(', ')}`);
    await out.write(renderCompletion(shell, commands));
    return 0;
  },
};
