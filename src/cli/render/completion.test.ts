import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { commands } from '../commands/index.ts';
import { renderCompletion } from './completion.ts';

/** What bash offers after these words; the last one is being typed. */
function bashOffers(...words: readonly string[]): readonly string[] {
  const script = `${renderCompletion('bash', commands)}
compopt() { :; }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _skein; echo "\${COMPREPLY[*]}"`;
  return execFileSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8' })
    .trim()
    .split(' ');
}

describe('bash completion', () => {
  it('offers commands, also those of a group', () => {
    expect(bashOffers('skein', 'que')).toEqual(['query', 'queries']);
    expect(bashOffers('skein', 'bench', '')).toEqual(['logs', 'tpch', 'tpch-data']);
    expect(bashOffers('skein', 'completion', 'z')).toEqual(['zsh']);
  });

  it("offers a command's flags, and values where they are few", () => {
    expect(bashOffers('skein', 'cluster', '--j')).toEqual(['--json']);
    expect(bashOffers('skein', 'query', '--data', 'x', '--form')).toEqual(['--format']);
    expect(bashOffers('skein', 'query', '--format', 'js')).toEqual(['json', 'jsonl']);
    expect(bashOffers('skein', 'query', '--data', '/us')).toContain('/usr');
  });
});

describe('zsh and fish completion', () => {
  it('names every command and flag', () => {
    const zsh = renderCompletion('zsh', commands);
    const fish = renderCompletion('fish', commands);
    for (const { name } of commands) expect(zsh).toContain(`      '${name}') _arguments`);
    expect(zsh).toContain(
      "'(-f --format)'{-f,--format}'[table, json, jsonl, csv or markdown]:value:(table json jsonl csv markdown)'",
    );
    expect(fish).toContain(
      "complete -c skein -n '__fish_seen_subcommand_from query' -s d -l data -x -a '(__fish_complete_directories)'",
    );
    expect(fish).toContain(
      "complete -c skein -n '__fish_use_subcommand' -a worker -d 'run a worker of a cluster'",
    );
  });
});
