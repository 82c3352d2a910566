import type { DescribeDetailStatement, DescribeHistoryStatement } from '../../sql/index.ts';
import { type Schema, type SqlValue, scalar } from '../../types/index.ts';
import { openTarget } from './delta-target.ts';
import type { StatementContext, StatementResult } from './statement-context.ts';

const text = scalar('VARCHAR');
const count = scalar('BIGINT');

const historyColumns: Schema = [
  { name: 'version', type: count },
  { name: 'timestamp', type: scalar('TIMESTAMP WITH TIME ZONE') },
  { name: 'operation', type: text },
  { name: 'operation_parameters', type: scalar('JSON') },
  { name: 'operation_metrics', type: scalar('JSON') },
  { name: 'engine', type: text },
  { name: 'is_blind_append', type: scalar('BOOLEAN') },
];

/** DESCRIBE HISTORY: the table's versions, newest first. */
export async function describeHistory(
  { table, limit }: DescribeHistoryStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const { table: opened } = await openTarget(table, context);
  const commits = await opened.log.history({
    ...(limit === undefined ? {} : { limit }),
    signal: context.signal,
  });
  return {
    columns: historyColumns,
    rows: commits.map((commit): readonly SqlValue[] => [
      BigInt(commit.version),
      timestampText(commit.timestampMs),
      commit.operation ?? null,
      JSON.stringify(commit.operationParameters),
      JSON.stringify(commit.operationMetrics),
      commit.engineInfo ?? null,
      commit.isBlindAppend ?? null,
    ]),
  };
}

/** Of a moment, in UTC, as DuckDB spells it. */
function timestampText(ms: number): string {
  return `${new Date(ms).toISOString().replace('T', ' ').replace('Z', '')}+00`;
}

/** DESCRIBE DETAIL: one row about the table as it is. */
export async function describeDetail(
  { table }: DescribeDetailStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const { table: opened, snapshot } = await openTarget(table, context);
  const { metadata, protocol, files } = snapshot;
  const entries: readonly (readonly [string, Schema[number]['type'], SqlValue])[] = [
    ['format', text, 'delta'],
    ['id', text, metadata.id],
    ['name', text, opened.key],
    ['description', text, metadata.description ?? null],
    ['location', text, opened.location],
    ['kind', text, opened.kind],
    ['version', count, BigInt(snapshot.version)],
    ['partition_columns', text, metadata.partitionColumns.join(', ')],
    ['files', count, BigInt(files.length)],
    ['bytes', count, BigInt(files.reduce((sum, { size }) => sum + size, 0))],
    ['properties', scalar('JSON'), JSON.stringify(metadata.configuration)],
    ['min_reader_version', count, BigInt(protocol.minReaderVersion)],
    ['min_writer_version', count, BigInt(protocol.minWriterVersion)],
    [
      'features',
      text,
      [...new Set([...(protocol.readerFeatures ?? []), ...(protocol.writerFeatures ?? [])])].join(', '),
    ],
  ];
  return {
    columns: entries.map(([name, type]) => ({ name, type })),
    rows: [entries.map(([, , value]) => value)],
  };
}
