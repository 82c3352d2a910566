import type { OptionName } from '../config/index.ts';

/** Where the tables lie, and how to get there. */
export const warehouseOptions = [
  'data',
  'externalRoots',
  's3Endpoint',
  's3Region',
  's3PathStyle',
] as const satisfies readonly OptionName[];

/** What an engine may take of this machine, and the secret of its cluster. */
export const engineOptions = [
  'threads',
  'memory',
  'spool',
  'clusterToken',
] as const satisfies readonly OptionName[];
