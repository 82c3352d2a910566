import { assertNever } from '../../common/index.ts';
import {
  type Config,
  longFlag,
  type OptionName,
  type OptionSource,
  type OptionSpec,
  optionNames,
  options,
} from '../../config/index.ts';
import type { CommandSpec } from '../command.ts';
import type { Style } from '../render/style.ts';

export const configCommand: CommandSpec = {
  name: 'config',
  summary: 'show every option: its value and where that came from',
  details:
    'A flag wins over an environment variable, that over the configuration file, that over the default. The file is one JSON object with the keys shown here.',
  options: ['json'],
  examples: [
    { command: 'skein config', does: 'what is in force, and why' },
    { command: 'SKEIN_WORKERS=4 skein config', does: 'what a variable changes' },
  ],
  async run({ config, out, err }) {
    if (config.values.json) {
      await out.write(`${JSON.stringify(configJson(config), undefined, 2)}\n`);
    } else {
      await out.write(configText(config, out.style));
    }
    if (config.unknownVariables.length > 0) {
      await err.write(
        `${err.style.yellow('warning:')} unknown variables: ${config.unknownVariables.join(', ')}\n`,
      );
    }
    return 0;
  },
};

interface Row {
  readonly name: OptionName;
  readonly value: string | undefined;
  readonly source: string;
  readonly isDefault: boolean;
}

function rows(config: Config): readonly Row[] {
  return optionNames.map((name) => {
    const spec: OptionSpec<unknown> = options[name];
    const value = config.values[name];
    const source = config.sources[name];
    return {
      name,
      value: value === undefined ? undefined : spec.secret ? '(hidden)' : spec.kind.format(value),
      source: sourceText(source),
      isDefault: source.kind === 'default',
    };
  });
}

function configText(config: Config, style: Style): string {
  const { path, exists } = config.file;
  const lines = [`configuration file: ${path}${exists ? '' : ' (none there)'}`, ''];
  const all = rows(config);
  const valueText = ({ name, value }: Row): string => value ?? defaultNote(name);
  const nameWidth = Math.max(...all.map(({ name }) => name.length));
  const valueWidth = Math.min(40, Math.max(...all.map((row) => valueText(row).length)));
  for (const row of all) {
    const text = `${row.name.padEnd(nameWidth)}  ${valueText(row).padEnd(valueWidth)}  ${row.source}`;
    lines.push(row.isDefault ? style.dim(text) : text);
  }
  return `${lines.join('\n')}\n`;
}

function defaultNote(name: OptionName): string {
  const { defaultText } = options[name];
  return defaultText === undefined ? '-' : `(${defaultText})`;
}

function configJson(config: Config): unknown {
  return {
    file: config.file,
    options: Object.fromEntries(
      rows(config).map(({ name, value, source }) => [
        name,
        {
          value: value ?? null,
          source,
          flag: longFlag(options[name]),
          environment: options[name].env,
        },
      ]),
    ),
  };
}

function sourceText(source: OptionSource): string {
  switch (source.kind) {
    case 'flag':
      return source.flag;
    case 'environment':
      return source.variable;
    case 'file':
      return source.path;
    case 'default':
      return 'default';
    default:
      return assertNever(source);
  }
}
