export { readAll } from './byte-stream.ts';
export {
  formatLocation,
  type Location,
  parseLocation,
  shownLocation,
  splitLocation,
} from './location.ts';
export { checkKey, compareKeys } from './object-key.ts';
export type {
  ByteRange,
  GetOptions,
  ListOptions,
  ObjectBody,
  ObjectInfo,
  ObjectStore,
  PutBody,
} from './object-store.ts';
export { ObjectStores, type ObjectStoresOptions } from './object-stores.ts';
export type { S3Limits, S3Options } from './s3-connection.ts';
export { changedObject, fileError, missingObject, shortObject } from './store-errors.ts';
