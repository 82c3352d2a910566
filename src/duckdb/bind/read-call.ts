import type { Expr } from '../../plan/index.ts';
import { type SqlType, scalar } from '../../types/index.ts';
import { type Fields, UnreadablePlan } from './fields.ts';
import { readAggregate } from './read-aggregate.ts';
import type { ExpressionReader, Scope } from './read-expression.ts';
import { readLambdaCall } from './read-lambda.ts';
import { readType } from './read-type.ts';

/** Functions whose calls with equal arguments may differ. */
const volatileFunctions: ReadonlySet<string> = new Set([
  'random',
  'uuid',
  'gen_random_uuid',
  'uuidv4',
  'uuidv7',
  'setseed',
]);

/** Names that SQL cannot call, and functions that are operators as well: what to write instead. */
const writtenNames: Readonly<Record<string, string>> = {
  '!__postfix': 'factorial',
  add: '+',
  subtract: '-',
  multiply: '*',
};

/** Their result depends on more than their arguments: the spelling of the query, the engine's internals. */
const contextFunctions: ReadonlySet<string> = new Set(['alias', 'stats', 'vector_type', 'current_query']);

const arithmetic: ReadonlySet<string> = new Set(['+', '-', '*']);
const lambdaFunctions = /^(list_|array_)?(transform|apply|filter|reduce)$/;
const listAggregates = /^(list|array)_aggr(egate)?$/;

/** Reads a call, putting back into its arguments what DuckDB moved into `function_data` when it bound them. */
export function readCall(fields: Fields, reader: ExpressionReader): Expr {
  const boundName = fields.string('name');
  const name = writtenNames[boundName] ?? boundName;
  if (contextFunctions.has(name)) throw new UnreadablePlan(`the function ${name}`);
  fields.ignore('arguments', 'catalog_name', 'schema_name', 'has_serialize', 'is_operator');
  const type = readType(fields.get('return_type'));
  const original = fields.list('original_arguments').length;
  const children = fields.list('children');
  const data = readData(fields);
  if (data !== undefined && lambdaFunctions.test(name))
    return readLambdaCall(name, children, data, type, reader);
  const args = reader.readAll(children);
  if (data !== undefined) return readCallData(name, args, data, type, reader);
  if (original > 0 && original !== args.length) throw new UnreadablePlan(`the arguments of ${name}`);
  return {
    kind: 'call',
    name,
    args,
    type,
    volatile: volatileFunctions.has(name),
  };
}

/** The bind data, where it says anything. */
function readData(fields: Fields): Fields | undefined {
  const data = fields.optionalObject('function_data');
  return data?.isEmpty() ? undefined : data;
}

function readCallData(
  name: string,
  args: readonly Expr[],
  data: Fields,
  type: SqlType,
  reader: ExpressionReader,
): Expr {
  const call = (restored: readonly Expr[]): Expr => ({
    kind: 'call',
    name,
    args: restored,
    type,
    volatile: false,
  });
  if (arithmetic.has(name)) return call(args);
  if (name === 'struct_pack' && type.kind === 'struct') {
    return { kind: 'struct', names: type.fields.map((field) => field.name), values: args, type };
  }
  // The printer takes the names of the arguments from the type.
  if (name === 'row' || name === 'union_value' || name === 'struct_insert') return call(args);
  // What is in the data is in the name, too: the locale.
  if (name.startsWith('icu_collate_')) return call(args);
  if (listAggregates.test(name)) {
    return call([...args, ...readListAggregate(data.object('bind_data'), reader)]);
  }
  if (name === 'date_part' || name === 'datepart') {
    const parts = data.strings('part_codes').map((part) => part.toLowerCase());
    const list: SqlType = { kind: 'list', element: scalar('VARCHAR') };
    return call([{ kind: 'literal', value: parts, type: list }, ...args]);
  }
  throw new UnreadablePlan(`the bind data of ${name}`);
}

/** The aggregate inside is bound to a constant of the element's type. */
const noColumns: Scope = () => {
  throw new UnreadablePlan('a list aggregate over columns');
};

/** The arguments of the aggregate inside list_aggregate(list, name, ...), but for the list's element. */
function readListAggregate(data: Fields, reader: ExpressionReader): readonly Expr[] {
  const call = data.get('aggr_expr');
  if (call === null || call === undefined) return [];
  return readAggregate(call, reader.within(noColumns)).args.slice(1);
}
