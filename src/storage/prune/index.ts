export { type PrunedFiles, pruneFiles } from './prune-files.ts';
