import { assertNever } from '../../common/index.ts';
import type { ExplainFormat } from '../../sql/index.ts';
import { type RecordBatch, type Schema, scalar } from '../../types/index.ts';
import type { QueryTree } from '../query-tree.ts';
import { explainText } from './explain-text.ts';
import { treeToDot } from './tree-to-dot.ts';

export function explainColumns(format: ExplainFormat): Schema {
  return [{ name: format === 'text' ? 'plan' : `plan_${format}`, type: scalar('VARCHAR') }];
}

/** The answer to EXPLAIN: text a row a line, other formats as one value. */
export function explainBatch(tree: QueryTree, analyzed: boolean, format: ExplainFormat): RecordBatch {
  const values = explainValues(tree, analyzed, format);
  return { schema: explainColumns(format), rowCount: values.length, columns: [values] };
}

function explainValues(tree: QueryTree, analyzed: boolean, format: ExplainFormat): readonly string[] {
  switch (format) {
    case 'text':
      return tree.stages.length === 0
        ? ['answered from the catalog, by the coordinator']
        : explainText(tree, analyzed).split('\n');
    case 'json':
      return [JSON.stringify(tree, undefined, 2)];
    case 'dot':
      return [treeToDot(tree)];
    default:
      return assertNever(format);
  }
}
