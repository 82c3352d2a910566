export { DeltaFiles, type DeltaFilesOptions, type OpenDeltaFiles, type RemoteFiles } from './delta-files.ts';
export { deltaRelation } from './delta-relation.ts';
