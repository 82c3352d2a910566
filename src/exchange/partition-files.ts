import { open } from 'node:fs/promises';
import { create } from '@bufbuild/protobuf';
import { type AttemptId, ChecksumBuilder, checksumFile, mapConcurrently } from '../common/index.ts';
import {
  type PartitionFile,
  PartitionFileSchema,
  type PartitionRef,
  PartitionRefSchema,
} from '../rpc/index.ts';
import { parquetRowCount, rowCountOfTail } from './parquet-row-count.ts';

/** A file that a task wrote, before it is described to others. */
export interface WrittenFile {
  readonly name: string;
  readonly path: string;
  readonly partition: number;
}

/** Who holds the files. */
export interface Holder {
  /** http://HOST:PORT; empty when nothing listens. */
  readonly url: string;
  readonly workerId: string;
  readonly hostId: string;
}

/** Outputs up to this many bytes in all travel inside the task's response. */
const inlineBytes = 64 * 1024;

/** Each is read through a buffer of its own. */
const filesAtOnce = 4;

export interface DescribedPartitions {
  /** One entry a partition that has rows, ascending. */
  readonly partitions: PartitionRef[];
  /** The bytes are in `partitions`: the files are not needed any more. */
  readonly inlined: boolean;
  readonly rows: number;
  readonly bytes: number;
}

/**
 * Describes the files of an attempt: sizes, checksums, rows; the bytes too when they are few. Files without rows
 * belong to no partition.
 * @throws SkeinError XX001 when a file is not Parquet; what node:fs throws when one cannot be read
 */
export async function describePartitions(
  attempt: AttemptId,
  files: readonly WrittenFile[],
  holder: Holder,
): Promise<DescribedPartitions> {
  const described = await mapConcurrently(files, filesAtOnce, describeFile);
  const sum = (count: (file: PartitionFile) => bigint): number =>
    Number(described.reduce((total, { file }) => total + count(file), 0n));
  const bytes = sum((file) => file.bytes);
  const inlined = bytes <= inlineBytes;
  const byPartition = new Map<number, PartitionFile[]>();
  for (const { partition, file } of described) {
    if (file.rows === 0n) continue;
    if (!inlined) file.inline = new Uint8Array();
    byPartition.set(partition, [...(byPartition.get(partition) ?? []), file]);
  }
  const partitions = [...byPartition]
    .sort(([a], [b]) => a - b)
    .map(([partition, partitionFiles]) =>
      create(PartitionRefSchema, {
        producer: { ...attempt },
        partition,
        ...holder,
        files: partitionFiles,
        rows: partitionFiles.reduce((total, file) => total + file.rows, 0n),
      }),
    );
  return { partitions, inlined, rows: sum((file) => file.rows), bytes };
}

/** With its bytes where they are few enough to travel, if nothing else does. */
async function describeFile({
  name,
  path,
  partition,
}: WrittenFile): Promise<{ readonly partition: number; readonly file: PartitionFile }> {
  const small = await readSmall(path);
  if (small === undefined) {
    const { bytes, crc32 } = await checksumFile(path);
    const rows = BigInt(await parquetRowCount(path));
    return {
      partition,
      file: create(PartitionFileSchema, { name, path, bytes: BigInt(bytes), crc32, rows }),
    };
  }
  const checksum = new ChecksumBuilder();
  checksum.add(small);
  const { bytes, crc32 } = checksum.value;
  const rows = BigInt(rowCountOfTail(small, path));
  const file = create(PartitionFileSchema, { name, path, bytes: BigInt(bytes), crc32, rows, inline: small });
  return { partition, file };
}

/** The whole file, in one read; undefined when it is too large to travel inside a message. */
async function readSmall(path: string): Promise<Buffer | undefined> {
  await using file = await open(path, 'r');
  const buffer = Buffer.allocUnsafe(inlineBytes + 1);
  const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
  return bytesRead > inlineBytes ? undefined : Buffer.from(buffer.subarray(0, bytesRead));
}
