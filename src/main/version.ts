import { readFileSync } from 'node:fs';

const packageJson: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

/** Skein's version, from package.json. */
export const version = (packageJson as { readonly version: string }).version;
