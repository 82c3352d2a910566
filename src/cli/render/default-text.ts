import type { OptionSpec } from '../../config/index.ts';

/** An option's default for people; undefined where it is simply not set. */
export function defaultText(spec: OptionSpec<unknown>): string | undefined {
  if (spec.defaultText !== undefined) return spec.defaultText;
  if (spec.default === undefined || spec.default === false) return undefined;
  return spec.kind.format(spec.default) || undefined;
}
