export { DeltaFiles, type DeltaFilesOptions, type OpenDeltaFiles } from './delta-files.ts';
export { deltaRelation } from './delta-relation.ts';
