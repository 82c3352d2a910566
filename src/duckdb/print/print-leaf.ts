import type { ScanNode, StageInputNode, TableFunctionNode, ValuesNode } from '../../plan/index.ts';
import type { Schema } from '../../types/index.ts';
import { everyColumn, inline, inlineCell } from './cell-uses.ts';
import { functionName, printExpr } from './print-expr.ts';
import { printLiteral } from './print-literal.ts';
import type { PrintScope } from './print-scope.ts';
import { blockOf, type Cell, columnCell, type SelectBlock } from './select-block.ts';
import { identifier, lineBreak, parenthesize, relationName, uniqueNames } from './sql-text.ts';

export function printLeaf(scope: PrintScope, node: ScanNode | StageInputNode, relation: string): SelectBlock {
  const table = relation.slice(relation.indexOf('.') + 1);
  const name = scope.newName(table);
  const alias = name === table ? '' : ` AS ${identifier(name)}`;
  const columns =
    node.kind === 'scan'
      ? node.schema.map((column) => column.name)
      : node.schema.map((_, index) => `c${index}`);
  const from = { sql: `${relationName(relation)}${alias}`, isJoin: false, isTable: true };
  return blockOf(
    from,
    columns.map((column) => columnCell(name, column)),
    namesOf(node.schema),
  );
}

export function printTableFunction(scope: PrintScope, node: TableFunctionNode): SelectBlock {
  const name = scope.newName(node.name);
  const columns = uniqueNames(namesOf(node.schema));
  const none = (): never => {
    throw new Error('a table function has constant arguments');
  };
  const args = node.args.map((arg) => printExpr(arg, none).sql);
  const named = node.namedArgs.map(
    ({ name: key, value }) => `${identifier(key)} := ${printExpr(value, none).sql}`,
  );
  const list = columns.length === 0 ? '' : `(${columns.map(identifier).join(', ')})`;
  const sql = `${functionName(node.name)}(${[...args, ...named].join(', ')}) AS ${identifier(name)}${list}`;
  return blockOf(
    { sql, isJoin: false },
    columns.map((column) => columnCell(name, column)),
    columns,
  );
}

export function printValues(scope: PrintScope, node: ValuesNode): SelectBlock {
  const names = namesOf(node.schema);
  const [first, ...more] = node.rows;
  const empty = blockOf(undefined, [], []);
  if (first === undefined) {
    const cells = node.schema.map(
      ({ type }): Cell => ({ ...printLiteral(null, type), form: 'constant', volatile: false }),
    );
    return scope.wrap({ ...blockOf(undefined, cells, names), where: ['false'] }, everyColumn(cells), 'empty');
  }
  if (more.length === 0)
    return blockOf(
      undefined,
      first.map((expr) => inlineCell(empty, expr)),
      names,
    );
  const name = scope.newName('v');
  if (names.length === 0)
    return blockOf({ sql: `range(${node.rows.length}) AS ${name}`, isJoin: false }, [], []);
  const columns = uniqueNames(names);
  const rows = node.rows.map((row) => `(${row.map((expr) => inline(empty, expr).sql).join(', ')})`);
  const body = parenthesize(`VALUES${lineBreak}  ${rows.join(`,${lineBreak}  `)}`);
  const sql = `${body} AS ${name}(${columns.map(identifier).join(', ')})`;
  return blockOf(
    { sql, isJoin: false },
    columns.map((column) => columnCell(name, column)),
    names,
  );
}

export function namesOf(schema: Schema): string[] {
  return schema.map((column) => column.name);
}
