import { Command, CommanderError, type Help, Option } from 'commander';
import {
  type FlagValues,
  loadConfig,
  longFlag,
  type OptionName,
  type OptionSpec,
  options,
  UsageError,
} from '../config/index.ts';
import type { CommandContext, CommandSpec } from './command.ts';
import { commands } from './commands/index.ts';
import { Interrupt } from './interrupt.ts';
import { packageVersion } from './package-version.ts';
import { defaultText } from './render/default-text.ts';
import { renderError } from './render/error.ts';
import { noColors } from './render/style.ts';
import { type Output, streamOutput } from './terminal.ts';

/** Options that every command takes. */
const globalOptions: readonly OptionName[] = ['home', 'config', 'color'];

/** Runs one command line, without the program's own name, to its end, and gives the exit code. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = buildProgram(commands, async (spec, positional, flags) => {
    exitCode = await runCommand(spec, positional, flags);
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has already written the help or what is wrong.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }
}

const helpLayout: Partial<Help> = {
  showGlobalOptions: true,
  subcommandTerm: (command) =>
    [
      command.name(),
      ...command.registeredArguments.map((argument) =>
        argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
      ),
    ].join(' '),
};

type RunSpec = (spec: CommandSpec, args: readonly string[], flags: FlagValues) => Promise<void>;

/** Commander's view of the commands. */
function buildProgram(specs: readonly CommandSpec[], run: RunSpec): Command {
  const program = new Command('skein')
    .description('A distributed SQL query engine for Node.js, with DuckDB inside every worker.')
    .version(packageVersion(), '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print the help of a command')
    .configureHelp(helpLayout)
    .exitOverride();
  for (const name of globalOptions) addOption(program, name);
  for (const spec of specs) addCommand(program, spec, run);
  program.addHelpText(
    'after',
    `
Start here:
  skein demo --serve                              see it work, on made-up tables
  skein query "SELECT * FROM t" --data DIR        every file or sub-folder of DIR is a table
  skein start --data DIR                          serve DIR over HTTP

skein help COMMAND shows a command's flags and examples.`,
  );
  return program;
}

function addCommand(program: Command, spec: CommandSpec, run: RunSpec): void {
  const words = spec.name.split(' ');
  const leaf = words.pop() ?? spec.name;
  const parent = words.reduce((above, word) => group(above, word), program);
  const usage = spec.arguments === undefined ? leaf : `${leaf} ${spec.arguments}`;
  const command = parent
    .command(usage)
    .summary(spec.summary)
    .description(
      [`${spec.summary[0]?.toUpperCase()}${spec.summary.slice(1)}.`, spec.details ?? '']
        .join('\n\n')
        .trimEnd(),
    )
    .helpOption('-h, --help', 'print help')
    .configureHelp(helpLayout)
    .showHelpAfterError(
      `${spec.arguments === '[sql]' ? 'SQL is one argument, in quotes. ' : ''}Try: skein help ${spec.name}`,
    )
    .exitOverride();
  for (const name of spec.options) addOption(command, name);
  command.addHelpText('after', examplesText(spec));
  command.action(async () => {
    await run(spec, command.args, command.optsWithGlobals());
  });
}

const groupSummaries: Readonly<Record<string, string>> = {
  bench: 'measure it against bare DuckDB: bench tpch',
};

/** A command that only holds others. */
function group(parent: Command, name: string): Command {
  const existing = parent.commands.find((command) => command.name() === name);
  return (
    existing ??
    parent
      .command(name)
      .summary(groupSummaries[name] ?? '')
      .configureHelp(helpLayout)
      .exitOverride()
  );
}

function addOption(command: Command, name: OptionName): void {
  const spec: OptionSpec<unknown> = options[name];
  const option = new Option(spec.flags, `${spec.help} ${notes(spec)}`);
  // Commander names values after the flag; ours are named after the option.
  option.attributeName = () => name;
  if (spec.kind.fromFlags !== undefined) {
    option.argParser((text, before: readonly string[] | undefined) => [...(before ?? []), text]);
  }
  command.addOption(option);
  if (typeof spec.default === 'boolean') {
    const negated = new Option(`--no-${longFlag(spec).slice(2)}`).hideHelp();
    negated.attributeName = () => name;
    command.addOption(negated);
  }
}

/** `[default: 1; SKEIN_WORKERS]` */
function notes(spec: OptionSpec<unknown>): string {
  const byDefault = defaultText(spec);
  return `[${byDefault === undefined ? '' : `default: ${byDefault}; `}${spec.env}]`;
}

function examplesText(spec: CommandSpec): string {
  const width = Math.max(...spec.examples.map(({ command }) => command.length));
  const lines = spec.examples.map(({ command, does }) =>
    command.length > 60 ? `  ${command}\n      ${does}` : `  ${command.padEnd(Math.min(width, 60))}  ${does}`,
  );
  return `\nExamples:\n${lines.join('\n')}`;
}

async function runCommand(spec: CommandSpec, args: readonly string[], flags: FlagValues): Promise<number> {
  const interrupt = new Interrupt();
  interrupt.listen();
  let sql: string | undefined;
  let err: Output | undefined;
  try {
    const config = loadConfig({ flags, env: process.env, folder: process.cwd() });
    const { color } = config.values;
    err = streamOutput(process.stderr, color, () => {});
    const out = streamOutput(process.stdout, color, () => interrupt.cancel(0));
    const context: CommandContext = {
      args,
      config,
      out,
      err,
      interrupt,
      commands,
      setSql: (text) => (sql = text),
    };
    return await spec.run(context);
  } catch (error) {
    if (interrupt.exitCode !== undefined) {
      if (interrupt.exitCode !== 0) await err?.write('canceled\n');
      return interrupt.exitCode;
    }
    const text = renderError(error, sql, err?.style ?? noColors);
    await (err?.write(text) ?? process.stderr.write(text));
    return error instanceof UsageError ? 2 : 1;
  }
}
