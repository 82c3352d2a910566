export type { ParquetRowGroup } from './parquet-layout.ts';
export {
  type CachedFile,
  RangeCache,
  type RangeCacheOptions,
  type RangeCacheStats,
  type WantedBytes,
} from './range-cache.ts';
