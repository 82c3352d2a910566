import type { Rule } from '../rule.ts';
import { inlineCtes } from './inline-ctes.ts';
import { mergeProjections } from './merge-projections.ts';
import { pruneColumns } from './prune-columns.ts';
import { pruneScans } from './prune-scans.ts';
import { pushDownFilters } from './push-down-filters.ts';

/** The rewrites before distribution, in order; each says why it stands where it does. */
export const rules: readonly Rule[] = [
  inlineCtes,
  mergeProjections,
  pushDownFilters,
  pruneColumns,
  mergeProjections,
  pruneScans,
];
