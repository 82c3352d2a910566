export { assert, assertNever } from './assert.ts';
export { type Checksum, ChecksumBuilder, checksumFile } from './checksum.ts';
export { type Clock, type Random, sleep } from './clock.ts';
export {
  abortReason,
  canceledError,
  type RetryScope,
  SkeinError,
  type SkeinErrorOptions,
  SqlState,
  toSkeinError,
} from './errors.ts';
export {
  type AttemptId,
  formatAttempt,
  type QueryId,
  queryId,
  type StageId,
  stageId,
  type WorkerId,
  workerId,
} from './ids.ts';
export { mapConcurrently, mapToTheEnd } from './map-concurrently.ts';
export { nearestName } from './nearest.ts';
export { Semaphore } from './semaphore.ts';
export { systemClock, systemRandom } from './system.node.ts';
export { formatBytes, formatCount, formatDuration, parseBytes, parseDuration } from './units.ts';
export { unlessAborted } from './unless-aborted.ts';
