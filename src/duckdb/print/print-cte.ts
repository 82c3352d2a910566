import { assert } from '../../common/index.ts';
import type { CteRefNode, RecursiveCteNode, WithNode } from '../../plan/index.ts';
import { everyColumn, type Needed } from './cell-uses.ts';
import { namesOf } from './print-leaf.ts';
import type { PlanPrinter } from './print-plan.ts';
import { blockOf, columnCell, type SelectBlock } from './select-block.ts';
import { lineBreak, parenthesize, uniqueNames } from './sql-text.ts';

/** A common table expression that encloses what is being printed. */
export interface Cte {
  readonly name: string;
  readonly columns: readonly string[];
  /** Positions that its readers have asked for so far. */
  readonly needed: Set<number>;
}

/** The body comes first: it says which columns the definition has to have. */
export function printWith(printer: PlanPrinter, node: WithNode, needed: Needed): SelectBlock {
  const { scope } = printer;
  const { definition } = node;
  const columns = uniqueNames(namesOf(definition.schema));
  const cte: Cte = { name: scope.newCteName(node.name), columns, needed: new Set() };
  printer.cteById.set(node.cteId, cte);
  return scope.before(
    () => printer.print(node.body, needed),
    () => {
      const block = scope.outsideJoins(() => printer.print(definition, cte.needed));
      scope.addCte(
        cte.name,
        parenthesize(scope.outsideJoins(() => scope.select(block, cte.needed, columns))),
      );
    },
  );
}

export function printCteRef(printer: PlanPrinter, node: CteRefNode, needed: Needed): SelectBlock {
  const cte = printer.cteById.get(node.cteId);
  assert(cte !== undefined, `the CTE ${node.cteId} encloses its references`);
  for (const index of needed) cte.needed.add(index);
  const { from, alias } = printer.scope.readCte(cte.name);
  const cells = cte.columns.map((column, index) =>
    needed.has(index) ? columnCell(alias, column) : undefined,
  );
  return blockOf(from, cells, namesOf(node.schema));
}

export function printRecursiveCte(printer: PlanPrinter, node: RecursiveCteNode): SelectBlock {
  const { scope } = printer;
  const columns = uniqueNames(namesOf(node.schema));
  const name = scope.newCteName(node.name);
  const every = everyColumn(node.schema);
  const body = scope.outsideJoins(() => {
    const anchor = scope.select(printer.print(node.anchor, every), every, columns);
    printer.cteById.set(node.cteId, { name, columns, needed: new Set() });
    // What the step needs may read the rows of the last round: it stays inside of the step.
    const step = scope.withOwnCtes(() => scope.select(printer.print(node.step, every), every, columns));
    const operator = node.all ? 'UNION ALL' : 'UNION';
    return `${parenthesize(anchor)}${lineBreak}${operator}${lineBreak}${parenthesize(step)}`;
  });
  scope.addRecursiveCte(name, columns, parenthesize(body));
  const { from, alias } = scope.readCte(name);
  return blockOf(
    from,
    columns.map((column) => columnCell(alias, column)),
    namesOf(node.schema),
  );
}
