import type { Rule } from '../rule.ts';
import { dropIdleSorts } from './drop-idle-sorts.ts';
import { dropImpliedConditions } from './drop-implied-conditions.ts';
import { dropSingleRowChecks } from './drop-single-row-checks.ts';
import { inlineCtes } from './inline-ctes.ts';
import { mergeProjections } from './merge-projections.ts';
import { pruneColumns } from './prune-columns.ts';
import { pruneScans } from './prune-scans.ts';
import { pushDownFilters } from './push-down-filters.ts';
import { splitWindows } from './split-windows.ts';
import { unfoldMarkJoins } from './unfold-mark-joins.ts';

/** The rewrites before distribution, in order; each says why it stands where it does. */
export const rules: readonly Rule[] = [
  inlineCtes,
  dropSingleRowChecks,
  mergeProjections,
  pushDownFilters,
  dropIdleSorts,
  splitWindows,
  unfoldMarkJoins,
  dropImpliedConditions,
  pruneColumns,
  mergeProjections,
  pruneScans,
];
