import { describe, expect, it } from 'vitest';
import { optionNames, options } from '../../config/index.ts';
import { commands } from '../commands/index.ts';
import { renderConfigurationDocs } from './configuration-docs.ts';

describe('docs/configuration.md', () => {
  it('says what the table of options says', async () => {
    await expect(renderConfigurationDocs(commands)).toMatchFileSnapshot('../../../docs/configuration.md');
  });

  it('leaves out no option that no command takes', () => {
    const taken = new Set(['home', 'config', 'color', ...commands.flatMap((command) => command.options)]);
    expect(optionNames.filter((name) => !taken.has(name))).toEqual([]);
  });

  it('names each variable once', () => {
    const variables = optionNames.map((name) => options[name].env);
    expect(new Set(variables).size).toBe(variables.length);
  });
});
