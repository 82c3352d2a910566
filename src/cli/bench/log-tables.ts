import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mapConcurrently } from '../../common/index.ts';
import type { DuckDbConnection } from '../../duckdb/index.ts';
import { quoteLiteral } from '../../types/index.ts';

/** A Delta table that is all log: of its data files only those of `readPartition` are there. */
export interface LogTable {
  readonly name: string;
  readonly files: number;
  readonly partitions: number;
  /** Version of the checkpoint. */
  readonly checkpoint: number;
  /** Commits as JSON before the checkpoint, and after it; each of those after adds a file. */
  readonly commitsBefore: number;
  readonly commitsAfter: number;
}

export const logTables: readonly LogTable[] = [
  { name: 'files', files: 100_000, partitions: 1000, checkpoint: 90, commitsBefore: 0, commitsAfter: 10 },
  {
    name: 'commits',
    files: 10_000,
    partitions: 100,
    checkpoint: 9990,
    commitsBefore: 9990,
    commitsAfter: 10,
  },
];

/** The partition that queries read. */
export const readPartition = 'p7';

export const rowsPerFile = 1000;

interface LogColumn {
  readonly name: string;
  /** As a Delta schema names it. */
  readonly type: string;
  /** What row `i` of all rows holds. */
  readonly value: string;
  /** Bounds in every file; undefined where values ascend, so that those of the file's first and last row are. */
  readonly bounds?: readonly [min: string, max: string];
}

/** The columns beside the partition. */
const columns: readonly LogColumn[] = [
  { name: 'id', type: 'long', value: 'i' },
  { name: 'customer', type: 'long', value: '(i * 7919) % 1000003', bounds: ['0', '1000002'] },
  { name: 'quantity', type: 'integer', value: '(i % 50)::INTEGER', bounds: ['0', '49'] },
  { name: 'price', type: 'double', value: '(i % 1000)::DOUBLE', bounds: ['0.0', '999.0'] },
  { name: 'discount', type: 'double', value: '(i % 11)::DOUBLE', bounds: ['0.0', '10.0'] },
  { name: 'status', type: 'string', value: "['back', 'open'][1 + i % 2]", bounds: ["'back'", "'open'"] },
  { name: 'comment', type: 'string', value: "printf('order number %12d', i)" },
  { name: 'day', type: 'date', value: "DATE '2020-01-01' + (i // 100000)::INTEGER" },
  { name: 'at', type: 'timestamp_ntz', value: "TIMESTAMP '2020-01-01 00:00:00' + to_seconds(i)" },
  { name: 'weight', type: 'long', value: '(i * 31) % 977', bounds: ['0', '976'] },
];

/** Writes a table below `out`, where DuckDB may write. */
export async function makeLogTable(
  connection: DuckDbConnection,
  table: LogTable,
  out: string,
  signal: AbortSignal,
): Promise<void> {
  const folder = join(out, table.name);
  const log = join(folder, '_delta_log');
  await mkdir(log, { recursive: true });
  await writeDataFiles(connection, table, folder, signal);
  const inCheckpoint = table.files - table.commitsAfter;
  // In row groups as Skein's own checkpoints have.
  const checkpoint = join(log, `${versionName(table.checkpoint)}.checkpoint.parquet`);
  await connection.run(
    `COPY (${checkpointSql(table, inCheckpoint)}) TO ${quoteLiteral(checkpoint)} (FORMAT parquet, ROW_GROUP_SIZE 10240)`,
    signal,
  );
  const count = inCheckpoint + 2;
  await writeFile(join(log, '_last_checkpoint'), JSON.stringify({ version: table.checkpoint, size: count }));
  const adds = await addTexts(connection, table, signal);
  const first = table.checkpoint - table.commitsBefore;
  const versions = Array.from(
    { length: table.commitsBefore + 1 + table.commitsAfter },
    (_, at) => first + at,
  );
  await mapConcurrently(versions, 16, async (version) => {
    const at = version <= table.checkpoint ? version : inCheckpoint + version - table.checkpoint - 1;
    const info = JSON.stringify({ commitInfo: { timestamp: baseMs + version, operation: 'WRITE' } });
    await writeFile(join(log, `${versionName(version)}.json`), `${info}\n${adds[at] ?? ''}\n`);
  });
}

const baseMs = Date.UTC(2026, 0, 1);

function versionName(version: number): string {
  return String(version).padStart(20, '0');
}

function checkpointSql(table: LogTable, files: number): string {
  const schema = {
    type: 'struct',
    fields: [...columns, { name: 'part', type: 'string' }].map(({ name, type }) => ({
      name,
      type,
      nullable: true,
      metadata: {},
    })),
  };
  return `
    SELECT {minReaderVersion: 1::INTEGER, minWriterVersion: 2::INTEGER} AS protocol
    UNION ALL BY NAME
    SELECT {id: '${table.name}', format: {provider: 'parquet', options: MAP {}::MAP(VARCHAR, VARCHAR)},
      schemaString: ${quoteLiteral(JSON.stringify(schema))}, partitionColumns: ['part'],
      configuration: MAP {}::MAP(VARCHAR, VARCHAR), createdTime: ${baseMs}::BIGINT} AS metaData
    UNION ALL BY NAME
    SELECT add FROM (${addSql(table)}) WHERE file < ${files}`;
}

/** One row a file: `file` and its action. The checksums are made up, so files that are there have none. */
function addSql({ files, partitions }: LogTable): string {
  const bounds = (row: string, side: 0 | 1): string =>
    `{${columns.map((column) => `"${column.name}": ${column.bounds?.[side] ?? valueAt(column, row)}`).join(', ')}}`;
  const nulls = columns.map(({ name }) => `"${name}": 0`).join(', ');
  return `
    SELECT file, {
      path: format('part=p{}/part-{:06d}.parquet', file % ${partitions}, file),
      partitionValues: MAP {'part': 'p' || file % ${partitions}},
      size: coalesce(bytes, 20000)::BIGINT, modificationTime: ${baseMs}::BIGINT, dataChange: false,
      stats: to_json({numRecords: ${rowsPerFile},
        minValues: ${bounds(`(file * ${rowsPerFile})`, 0)},
        maxValues: ${bounds(`(file * ${rowsPerFile} + ${rowsPerFile - 1})`, 1)},
        nullCount: {${nulls}}})::VARCHAR,
      tags: CASE WHEN bytes IS NULL THEN MAP {'skein.crc32': printf('%08x', file)} END
    } AS add
    FROM range(${files}) AS files(file) LEFT JOIN written USING (file)`;
}

function valueAt({ value }: LogColumn, row: string): string {
  return value.replaceAll(/\bi\b/g, row);
}

/** The line of each file's action in a log entry. */
async function addTexts(
  connection: DuckDbConnection,
  table: LogTable,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { batches } = await connection.stream(
    `SELECT to_json({add: add})::VARCHAR FROM (${addSql(table)}) ORDER BY file`,
    signal,
  );
  const texts: string[] = [];
  for await (const batch of batches) texts.push(...(batch.columns[0] ?? []).map(String));
  return texts;
}

/** And the table `written` of their sizes. */
async function writeDataFiles(
  connection: DuckDbConnection,
  { files, partitions }: LogTable,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const numbers = Array.from({ length: files }, (_, file) => file).filter(
    (file) => `p${file % partitions}` === readPartition,
  );
  const target = join(folder, `part=${readPartition}`);
  await mkdir(target, { recursive: true });
  const select = columns.map(({ name, value }) => `${value} AS "${name}"`).join(', ');
  await connection.run('CREATE OR REPLACE TEMP TABLE written (file BIGINT, bytes BIGINT)', signal);
  for (const file of numbers) {
    const path = join(target, `part-${String(file).padStart(6, '0')}.parquet`);
    const rows = `range(${file * rowsPerFile}, ${(file + 1) * rowsPerFile}) AS rows(i)`;
    await connection.run(
      `COPY (SELECT ${select} FROM ${rows}) TO ${quoteLiteral(path)} (FORMAT parquet)`,
      signal,
    );
    await connection.run(`INSERT INTO written VALUES (${file}, ${(await stat(path)).size})`, signal);
  }
}
