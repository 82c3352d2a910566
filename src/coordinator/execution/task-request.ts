import { create } from '@bufbuild/protobuf';
import { assertNever } from '../../common/index.ts';
import {
  type Column,
  ColumnSchema,
  type FileScan,
  FileScanSchema,
  FileVersionSchema,
  type PartitionRef,
  type Split as ProtoSplit,
  type RunTaskRequest,
  RunTaskRequestSchema,
  SplitSchema,
  type TaskInput,
  TaskInputSchema,
} from '../../rpc/index.ts';
import type { FileFormat, Split, TableSnapshot } from '../../storage/index.ts';
import { formatType, type Schema, type SqlType } from '../../types/index.ts';
import type { TaskAttempt } from '../scheduler/index.ts';
import { toDeltaScan } from './delta-scan.ts';
import type { ExecutionInput, ExecutionPlan, ExecutionStage, ScanInput } from './execution-plan.ts';
import { toWriteTask } from './write-task.ts';

/** What the winning attempts of an input stage wrote, by task. */
export type StageOutputs = ReadonlyMap<number, readonly (readonly PartitionRef[])[]>;

export interface TaskRequestContext {
  readonly plan: ExecutionPlan;
  /** Names the run on every node: of the query, and of its restart. */
  readonly executionId: string;
  readonly settings: Readonly<Record<string, string>>;
  /** By position of the input stage. */
  readonly outputs: StageOutputs;
  /** The type that a column travels as between tasks; `unsupported` ones do not occur between stages. */
  readonly wireType: (type: SqlType) => SqlType;
}

/** Everything that a worker, or the coordinator for the root, needs to run one attempt. */
export function buildTaskRequest(context: TaskRequestContext, id: TaskAttempt): RunTaskRequest {
  const stage = context.plan.stages[id.stage];
  if (stage === undefined) throw new RangeError(`no stage ${id.stage}`);
  return create(RunTaskRequestSchema, {
    attempt: { queryId: context.executionId, stageId: stage.id, task: id.task, attempt: id.attempt },
    sql: stage.sql,
    inputs: stage.inputs.map((input) => buildInput(context, input, id.task)),
    columns: toColumns(stage.columns),
    wireColumns: toWireColumns(context, stage.columns),
    output: buildOutput(stage),
    settings: { ...context.settings, ...stage.settings },
    ordered: stage.ordered,
    reorderJoins: context.plan.original,
    ...(stage.write === undefined ? {} : { write: toWriteTask(stage.write) }),
  });
}

/** The partitions that one task reads of an input stage, by producing task, then by partition. */
function partitionsFor(
  outputs: StageOutputs,
  input: { readonly stage: number; readonly read: 'partition' | 'all' },
  task: number,
): readonly PartitionRef[] {
  const refs = (outputs.get(input.stage) ?? []).flat();
  return input.read === 'all' ? refs : refs.filter((ref) => ref.partition === task);
}

function buildOutput(stage: ExecutionStage): { hashKeys: string[]; partitions: number; placedBy?: string } {
  const { output } = stage;
  switch (output.kind) {
    case 'hash':
      return {
        hashKeys: [...output.keys],
        partitions: output.partitions,
        ...(output.placedBy === undefined ? {} : { placedBy: output.placedBy }),
      };
    case 'gather':
    case 'result':
      return { hashKeys: [], partitions: 1 };
    default:
      return assertNever(output);
  }
}

function buildInput(context: TaskRequestContext, input: ExecutionInput, task: number): TaskInput {
  switch (input.kind) {
    case 'scan':
      return create(TaskInputSchema, {
        name: input.name,
        columns: toColumns(input.columns.flatMap((position) => input.table.schema[position] ?? [])),
        source: { case: 'scan', value: buildScan(input, input.splits[task] ?? []) },
      });
    case 'stage': {
      const columns = context.plan.stages[input.stage]?.columns ?? [];
      return create(TaskInputSchema, {
        name: input.name,
        columns: toColumns(byPosition(columns)),
        source: {
          case: 'exchange',
          value: {
            partitions: [...partitionsFor(context.outputs, input, task)],
            wireColumns: toWireColumns(context, columns),
          },
        },
      });
    }
    default:
      return assertNever(input);
  }
}

function buildScan({ table, columns, prune: terms = [] }: ScanInput, splits: readonly Split[]): FileScan {
  const { format } = table;
  const prune = terms.length === 0 ? '' : JSON.stringify(terms);
  if (format.kind === 'delta') {
    return create(FileScanSchema, {
      format: 'delta',
      splits: splits.map(toSplit),
      delta: toDeltaScan(table, format, columns, splits),
      prune,
    });
  }
  const paths = new Set(splits.map((split) => split.path));
  const hive = format.hive?.columns ?? [];
  const hiveNames = new Set(hive.map((column) => column.name));
  const versions = table.files
    .filter((file) => paths.has(file.path))
    .map((file) => [
      file.path,
      create(FileVersionSchema, {
        bytes: BigInt(file.bytes),
        modifiedMs: file.modifiedMs ?? 0,
        etag: file.etag ?? '',
      }),
    ]);
  return create(FileScanSchema, {
    format: format.kind,
    splits: splits.map(toSplit),
    options: readerOptions(format),
    fileColumns: format.kind === 'parquet' ? [] : toColumns(fileColumns(table, hiveNames)),
    hiveColumns: toColumns(hive),
    versions: Object.fromEntries(versions),
    prune,
  });
}

function toSplit(split: Split): ProtoSplit {
  return create(SplitSchema, {
    path: split.path,
    ...(split.firstRow === undefined ? {} : { firstRow: BigInt(split.firstRow) }),
    ...(split.rowCount === undefined ? {} : { rowCount: BigInt(split.rowCount) }),
  });
}

function fileColumns(table: TableSnapshot, hiveNames: ReadonlySet<string>): Schema {
  return table.schema.filter((column) => !hiveNames.has(column.name));
}

function readerOptions(format: FileFormat): Record<string, string> {
  return format.kind === 'parquet' ? {} : { ...format.options };
}

function toColumns(schema: Schema): Column[] {
  return schema.map(({ name, type }) => create(ColumnSchema, { name, type: formatType(type) }));
}

function toWireColumns(context: TaskRequestContext, schema: Schema): Column[] {
  return toColumns(byPosition(schema.map(({ name, type }) => ({ name, type: context.wireType(type) }))));
}

/** Between stages columns have no names of their own: c0, c1 ... */
export function byPosition(schema: Schema): Schema {
  return schema.map(({ type }, index) => ({ name: `c${index}`, type }));
}
