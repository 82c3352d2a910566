export { LostInputError } from '../rpc/index.ts';
export {
  type CacheStats,
  type ExchangeFaults,
  ExchangeReader,
  type ExchangeReaderOptions,
  type OpenPartitions,
} from './exchange-reader.ts';
export type { FetchLimits } from './fetch-file.ts';
export { parquetRowCount } from './parquet-row-count.ts';
export {
  type DescribedPartitions,
  describePartitions,
  type Holder,
  type WrittenFile,
} from './partition-files.ts';
export { isSafeId, scratchError } from './scratch-file.ts';
