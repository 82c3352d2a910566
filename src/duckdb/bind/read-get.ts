import type { Expr, PlanNode } from '../../plan/index.ts';
import { type Schema, type SqlType, sameType } from '../../types/index.ts';
import { Fields, UnreadablePlan } from './fields.ts';
import { type Json, JsonNumber } from './parse-json.ts';
import { columnAt, projectColumns } from './project-columns.ts';
import { readLiteral } from './read-literal.ts';
import type { PlanReader } from './read-plan.ts';
import { readType } from './read-type.ts';

/** DuckDB's largest index stands for none. */
const noIndex = '18446744073709551615';

/** A scan of a table of ours, or a pure table function. */
export function readGet(reader: PlanReader, fields: Fields): PlanNode {
  const { tables } = reader;
  const name = fields.string('name');
  fields.ignore(
    'table_index',
    'arguments',
    'original_arguments',
    'catalog_name',
    'schema_name',
    'has_serialize',
  );
  fields.ignore('extra_info', 'input_table_names');
  const ordinality = fields.get('ordinality_idx');
  if (ordinality instanceof JsonNumber && ordinality.text !== noIndex)
    throw new UnreadablePlan('WITH ORDINALITY');
  const positions = fields.list('column_indexes').map(readColumnIndex);
  const names = fields.strings('names');
  const types = fields.list('returned_types').map(readType);
  const parameters = fields.list('parameters').map(readLiteral);
  const projected = fields.integers('projection_ids');
  const columns = projected.length === 0 ? positions : projected.map((id) => positions[id] ?? -1);
  const all = types.map((type, index) => ({ name: names[index] ?? '', type }));
  if (name === 'skein_scan') {
    const table = String(parameters[0]?.value);
    const known = tables.get(table);
    if (known === undefined) throw new UnreadablePlan(`the table ${table}`);
    const schema = columns.map((index) => columnAt(known, index));
    return { kind: 'scan', table, columns, prune: [], read: 'all', schema };
  }
  if (fields.list('children').length > 0) return readOverInput(reader, name, fields, all);
  fields.ignore('input_table_types');
  const node: PlanNode = {
    kind: 'tableFunction',
    name,
    args: parameters,
    namedArgs: readNamedParameters(fields),
    schema: all,
  };
  const identity = columns.length === all.length && columns.every((column, index) => column === index);
  return identity ? node : projectColumns(node, columns);
}

function readColumnIndex(json: Json): number {
  const fields = new Fields(json, 'column index').ignore('type', 'has_index', 'field');
  const index = fields.integer('index');
  if (fields.string('index_type') !== 'FULL_READ') throw new UnreadablePlan('a scan of a part of a column');
  fields.done();
  return index;
}

function readNamedParameters(fields: Fields): { name: string; value: Expr }[] {
  return fields.list('named_parameters').map((json) => {
    const pair = new Fields(json, 'named parameter');
    return { name: pair.string('first'), value: readLiteral(pair.get('second')) };
  });
}

const listFunctions: ReadonlySet<string> = new Set(['range', 'generate_series', 'unnest']);

/**
 * A table function whose arguments are columns, as in FROM t, range(t.n): its arguments are the first columns of the
 * input, and `projected_input` are the input's columns that go with each row.
 *
 *     get range(input) -> project(unnest(input, [range(#0)]), [element, ...projected])
 */
function readOverInput(reader: PlanReader, name: string, fields: Fields, output: Schema): PlanNode {
  if (!listFunctions.has(name)) throw new UnreadablePlan(`the table function ${name} over columns`);
  const input = reader.input(fields);
  const [element] = output;
  const passed = fields.integers('projected_input');
  if (element === undefined || output.length !== 1) throw new UnreadablePlan(`the columns of ${name}`);
  const args = fields.list('input_table_types').map((json, index): Expr => {
    const column = columnAt(input.schema, index);
    const wanted = readType(json);
    const reference: Expr = { kind: 'column', index, type: column.type };
    if (name === 'unnest' || sameType(wanted, column.type)) return reference;
    return { kind: 'cast', input: reference, type: wanted, try: false };
  });
  const [first] = args;
  if (first === undefined) throw new UnreadablePlan(`${name} without arguments`);
  const list: SqlType = { kind: 'list', element: element.type };
  const expr: Expr = name === 'unnest' ? first : { kind: 'call', name, args, type: list, volatile: false };
  const unnest: PlanNode = { kind: 'unnest', input, exprs: [expr], schema: [...input.schema, element] };
  return projectColumns(unnest, [input.schema.length, ...passed]);
}
