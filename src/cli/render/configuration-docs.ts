import { longFlag, type OptionName, type OptionSpec, optionNames, options } from '../../config/index.ts';
import type { CommandSpec } from '../command.ts';
import { defaultText } from './default-text.ts';

const everywhere: ReadonlySet<OptionName> = new Set(['home', 'config', 'color']);

/** docs/configuration.md. */
export function renderConfigurationDocs(commands: readonly CommandSpec[]): string {
  const rows = optionNames.map((name) => {
    const spec: OptionSpec<unknown> = options[name];
    const used = commands.filter((command) => command.options.includes(name)).map((command) => command.name);
    return [
      `\`${longFlag(spec)}\``,
      `\`${spec.env}\``,
      spec.locatesFile ? '' : `\`${name}\``,
      spec.kind.name,
      defaultText(spec) ?? '',
      spec.help,
      everywhere.has(name) ? 'all' : used.join(', '),
    ];
  });
  return `<!-- Written by src/cli/render/configuration-docs.ts: npx vitest run src/cli/render/configuration-docs -u -->

# Configuration

Every option can be given in three places. A flag wins over an environment variable, that over the configuration file,
that over the default. \`skein config\` shows what is in force and where each value came from.

The configuration file is \`config.json\` in the home folder (\`SKEIN_HOME\`, by default \`~/.skein\`), or the file that
\`--config\` names: one JSON object with the keys below. An unknown key is an error.

\`\`\`json
{ "data": "tables", "workers": 4, "memory": "2GB", "set": { "TimeZone": "UTC" } }
\`\`\`

- Sizes: \`4GB\`, \`512MiB\`; KB, MB, GB, TB count in thousands, KiB, MiB, GiB, TiB in 1024s; no unit means bytes.
- Durations: \`500ms\`, \`30s\`, \`5m\`, \`2h\`, \`1d\`.
- Relative paths start in the current folder, in the file in the file's own folder; \`~/\` is the home directory.
- Flags without a value take \`true\` or \`false\` elsewhere, and \`--no-NAME\` turns them off.
- Lists are separated by commas, in the file also arrays; \`set\` and \`param\` may be objects there.

Everything that Skein keeps lies in the home folder: the demo's tables (\`demo\`), exchanged and spilled data
(\`spool\`, unless \`--spool\` says otherwise), \`config.json\`.

${markdownTable(['Flag', 'Variable', 'Key', 'Value', 'Default', 'What it is', 'Commands'], rows)}`;
}

function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return line(header) + line(header.map(() => '---')) + rows.map(line).join('');
}
