import { readFile, stat } from 'node:fs/promises';
import { create } from '@bufbuild/protobuf';
import type { AttemptId } from '../common/index.ts';
import {
  type PartitionFile,
  PartitionFileSchema,
  type PartitionRef,
  PartitionRefSchema,
} from '../rpc/index.ts';
import { ChecksumBuilder, checksumFile } from './checksum.ts';

/** A file that a task wrote, before it is described to others. */
export interface WrittenFile {
  readonly name: string;
  readonly path: string;
  readonly partition: number;
  /** As counted by whoever wrote it. */
  readonly rows: number;
}

/** Who holds the files. */
export interface Holder {
  /** http://HOST:PORT; empty when nothing listens. */
  readonly url: string;
  readonly workerId: string;
  readonly hostId: string;
}

/** Outputs up to this many bytes in all travel inside the task's response. */
export const inlineBytes = 64 * 1024;

/**
 * Describes a finished attempt's files: sizes, checksums, rows; the bytes too when they are few.
 * @returns one entry a non-empty partition, ascending
 * @throws what node:fs throws when a file cannot be read
 */
export async function describePartitions(
  attempt: AttemptId,
  files: readonly WrittenFile[],
  holder: Holder,
): Promise<{ readonly partitions: PartitionRef[]; readonly inlined: boolean }> {
  const sizes = await Promise.all(files.map(async (file) => (await stat(file.path)).size));
  const inlined = sizes.reduce((sum, size) => sum + size, 0) <= inlineBytes;
  const described = await Promise.all(files.map((file) => describeFile(file, inlined)));
  const byPartition = new Map<number, PartitionFile[]>();
  files.forEach((file, index) => {
    const description = described[index];
    if (description === undefined || file.rows === 0) return;
    byPartition.set(file.partition, [...(byPartition.get(file.partition) ?? []), description]);
  });
  const partitions = [...byPartition]
    .sort(([a], [b]) => a - b)
    .map(([partition, partitionFiles]) =>
      create(PartitionRefSchema, {
        producer: { ...attempt },
        partition,
        ...holder,
        files: partitionFiles,
        rows: partitionFiles.reduce((sum, file) => sum + file.rows, 0n),
      }),
    );
  return { partitions, inlined };
}

async function describeFile(file: WrittenFile, inlined: boolean): Promise<PartitionFile> {
  const { name, path, rows } = file;
  if (!inlined) {
    const { bytes, crc32 } = await checksumFile(path);
    return create(PartitionFileSchema, { name, path, bytes: BigInt(bytes), crc32, rows: BigInt(rows) });
  }
  const inline = await readFile(path);
  const checksum = new ChecksumBuilder();
  checksum.add(inline);
  const { bytes, crc32 } = checksum.value;
  return create(PartitionFileSchema, { name, path, bytes: BigInt(bytes), crc32, rows: BigInt(rows), inline });
}
