import { assertNever } from '../../common/index.ts';
import { type OptionSpec, options } from '../../config/index.ts';
import type { CommandSpec } from '../command.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

export function isShell(text: string): text is Shell {
  return shells.some((shell) => shell === text);
}

/** A script that completes commands, flags, and values that are paths or one of a few words. */
export function renderCompletion(shell: Shell, commands: readonly CommandSpec[]): string {
  switch (shell) {
    case 'bash':
      return bash(commands);
    case 'zsh':
      return zsh(commands);
    case 'fish':
      return fish(commands);
    default:
      return assertNever(shell);
  }
}

interface Flag {
  readonly short: string | undefined;
  readonly long: string;
  readonly help: string;
  readonly value: FlagValue;
}

type FlagValue =
  | { readonly kind: 'none' | 'any' | 'file' | 'folder' }
  | { readonly kind: 'choice'; readonly choices: readonly string[] };

/** Every command takes these. */
const globalFlags = (['home', 'config', 'color'] as const).map((name) => toFlag(options[name]));

function flagsOf(command: CommandSpec): readonly Flag[] {
  return [...command.options.map((name) => toFlag(options[name])), ...globalFlags];
}

function toFlag(spec: OptionSpec<unknown>): Flag {
  const match = /^(?:-(\w), )?(--[a-z0-9-]+)(?: <(.*)>)?$/.exec(spec.flags);
  return {
    short: match?.[1],
    long: match?.[2] ?? spec.flags,
    help: spec.help,
    value: flagValue(spec, match?.[3]),
  };
}

function flagValue(spec: OptionSpec<unknown>, placeholder: string | undefined): FlagValue {
  if (placeholder === undefined) return { kind: 'none' };
  const { choices } = spec.kind;
  if (choices !== undefined) return { kind: 'choice', choices };
  if (placeholder === 'file') return { kind: 'file' };
  return { kind: placeholder === 'dir' ? 'folder' : 'any' };
}

/** The words that may follow the ones already there: `''` -> query, start ...; `bench` -> tpch. */
function wordsAfter(commands: readonly CommandSpec[]): ReadonlyMap<string, readonly CommandSpec[]> {
  const groups = new Map<string, CommandSpec[]>([['', []]]);
  for (const command of commands) {
    const [first = '', second] = command.name.split(' ');
    const before = second === undefined ? '' : first;
    if (second !== undefined && !groups.has(first)) groups.get('')?.push({ ...command, name: first });
    groups.set(before, [...(groups.get(before) ?? []), { ...command, name: second ?? first }]);
  }
  return groups;
}

function bash(commands: readonly CommandSpec[]): string {
  const cases: string[] = [];
  for (const [before, following] of wordsAfter(commands)) {
    const names = following.map(({ name }) => name).join(' ');
    cases.push(`    "${before}") words="${names}${before === '' ? ' help' : ''}" ;;`);
  }
  for (const command of commands) {
    const flags = flagsOf(command).flatMap(({ short, long }) =>
      short === undefined ? [long] : [`-${short}`, long],
    );
    const shellWords = command.name === 'completion' ? `${shells.join(' ')} ` : '';
    cases.push(`    "${command.name}") words="${shellWords}${flags.join(' ')} --help" ;;`);
  }
  const values = uniqueFlags(commands).flatMap(({ long, short, value }) => {
    const names = short === undefined ? long : `-${short}|${long}`;
    if (value.kind === 'choice')
      return [`    ${names}) COMPREPLY=($(compgen -W "${value.choices.join(' ')}" -- "$cur")); return ;;`];
    if (value.kind === 'folder')
      return [`    ${names}) compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur")); return ;;`];
    if (value.kind === 'file')
      return [`    ${names}) compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")); return ;;`];
    return value.kind === 'any' ? [`    ${names}) return ;;`] : [];
  });
  return `# bash completion for skein: source <(skein completion bash)
_skein() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" path="" words="" word
  case "$prev" in
${values.join('\n')}
  esac
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
      ${knownPaths(commands)
        .map((path) => `"${path}"`)
        .join('|')}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _skein skein
`;
}

/** `query`, `bench`, `bench tpch`. */
function knownPaths(commands: readonly CommandSpec[]): readonly string[] {
  const paths = commands.flatMap(({ name }) => {
    const words = name.split(' ');
    return words.map((_, index) => words.slice(0, index + 1).join(' '));
  });
  return [...new Set(paths)];
}

/** Flags of the same name take the same kind of value in every command, except --format: the union of its words. */
function uniqueFlags(commands: readonly CommandSpec[]): readonly Flag[] {
  const byName = new Map<string, Flag>();
  for (const flag of [...commands.flatMap(flagsOf)]) {
    const before = byName.get(flag.long);
    byName.set(
      flag.long,
      before === undefined ? flag : { ...flag, value: joinValues(before.value, flag.value) },
    );
  }
  return [...byName.values()];
}

function joinValues(a: FlagValue, b: FlagValue): FlagValue {
  if (a.kind !== 'choice' || b.kind !== 'choice') return a;
  return { kind: 'choice', choices: [...new Set([...a.choices, ...b.choices])] };
}

function zsh(commands: readonly CommandSpec[]): string {
  const quote = (text: string): string => text.replaceAll("'", "'\\''");
  const functions = commands.map((command) => {
    const specs = flagsOf(command).map(({ short, long, help, value }) => {
      const text = `[${quote(help).replaceAll(/[[\]:]/g, '\\$&')}]${zshValue(value)}`;
      return short === undefined ? `'${long}${text}'` : `'(-${short} ${long})'{-${short},${long}}'${text}'`;
    });
    const shellWords = command.name === 'completion' ? [`'1:shell:(${shells.join(' ')})'`] : [];
    return `      '${command.name}') _arguments ${[...specs, ...shellWords, `'--help[print help]'`].join(' ')} ;;`;
  });
  const describes = [...wordsAfter(commands)].map(([before, following]) => {
    const items = following.map(({ name, summary }) => `'${name}:${quote(summary).replaceAll(':', '\\:')}'`);
    return `      '${before}') items=(${items.join(' ')}); _describe command items ;;`;
  });
  return `#compdef skein
# zsh completion for skein: source <(skein completion zsh)
_skein() {
  local -a items
  local path_="" word
  integer used=1
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "\${path_:+$path_ }$word" in
      ${knownPaths(commands)
        .map((path) => `'${path}'`)
        .join('|')}) path_="\${path_:+$path_ }$word"; (( used++ )) ;;
      *) break ;;
    esac
  done
  if (( CURRENT == used + 1 )); then
    case "$path_" in
${describes.join('\n')}
    esac
  fi
  words=("$path_" "\${(@)words[used+1,-1]}")
  (( CURRENT -= used - 1 ))
  case "$path_" in
${functions.join('\n')}
  esac
}
compdef _skein skein
`;
}

function zshValue(value: FlagValue): string {
  switch (value.kind) {
    case 'none':
      return '';
    case 'any':
      return ':value:';
    case 'file':
      return ':file:_files';
    case 'folder':
      return ':folder:_files -/';
    case 'choice':
      return `:value:(${value.choices.join(' ')})`;
    default:
      return assertNever(value);
  }
}

function fish(commands: readonly CommandSpec[]): string {
  const quote = (text: string): string => `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
  const lines = ['# fish completion for skein: skein completion fish | source', 'complete -c skein -f'];
  for (const [before, following] of wordsAfter(commands)) {
    const condition =
      before === ''
        ? '__fish_use_subcommand'
        : `__fish_seen_subcommand_from ${before}; and not __fish_seen_subcommand_from ${following.map(({ name }) => name).join(' ')}`;
    for (const { name, summary } of following) {
      lines.push(`complete -c skein -n ${quote(condition)} -a ${name} -d ${quote(summary)}`);
    }
  }
  for (const command of commands) {
    const condition = command.name
      .split(' ')
      .map((word) => `__fish_seen_subcommand_from ${word}`)
      .join('; and ');
    for (const { short, long, help, value } of flagsOf(command)) {
      const names = `${short === undefined ? '' : `-s ${short} `}-l ${long.slice(2)}`;
      lines.push(`complete -c skein -n ${quote(condition)} ${names}${fishValue(value)} -d ${quote(help)}`);
    }
    if (command.name === 'completion') {
      lines.push(`complete -c skein -n ${quote(condition)} -a ${quote(shells.join(' '))}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function fishValue(value: FlagValue): string {
  switch (value.kind) {
    case 'none':
      return '';
    case 'any':
      return ' -x';
    case 'file':
      return ' -r -F';
    case 'folder':
      return " -x -a '(__fish_complete_directories)'";
    case 'choice':
      return ` -x -a '${value.choices.join(' ')}'`;
    default:
      return assertNever(value);
  }
}
