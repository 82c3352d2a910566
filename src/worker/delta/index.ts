export {
  type DeletionVectors,
  DeltaFiles,
  type DeltaFilesOptions,
  type OpenDeltaFiles,
  type RemoteFile,
  type RemoteFiles,
} from './delta-files.ts';
export { deltaRelation } from './delta-relation.ts';
