import { assertNever } from '../common/index.ts';
import type { PlanNode } from './plan-node.ts';

/** The node's inputs, left to right. */
export function children(node: PlanNode): readonly PlanNode[] {
  switch (node.kind) {
    case 'scan':
    case 'tableFunction':
    case 'values':
    case 'cteRef':
    case 'stageInput':
      return [];
    case 'filter':
    case 'project':
    case 'aggregate':
    case 'window':
    case 'sort':
    case 'limit':
    case 'distinct':
    case 'unnest':
    case 'sample':
    case 'exchange':
      return [node.input];
    case 'join':
    case 'positionalJoin':
      return [node.left, node.right];
    case 'setOperation':
      return node.inputs;
    case 'with':
      return [node.definition, node.body];
    case 'recursiveCte':
      return [node.anchor, node.step];
    default:
      return assertNever(node);
  }
}

/** The node with every input replaced by `map(input)`; the node itself when none changed. */
export function mapChildren(node: PlanNode, map: (child: PlanNode) => PlanNode): PlanNode {
  switch (node.kind) {
    case 'scan':
    case 'tableFunction':
    case 'values':
    case 'cteRef':
    case 'stageInput':
      return node;
    case 'filter':
    case 'project':
    case 'aggregate':
    case 'window':
    case 'sort':
    case 'limit':
    case 'distinct':
    case 'unnest':
    case 'sample':
    case 'exchange': {
      const input = map(node.input);
      return input === node.input ? node : { ...node, input };
    }
    case 'join':
    case 'positionalJoin': {
      const left = map(node.left);
      const right = map(node.right);
      return left === node.left && right === node.right ? node : { ...node, left, right };
    }
    case 'setOperation': {
      const inputs = node.inputs.map(map);
      return inputs.every((input, index) => input === node.inputs[index]) ? node : { ...node, inputs };
    }
    case 'with': {
      const definition = map(node.definition);
      const body = map(node.body);
      return definition === node.definition && body === node.body ? node : { ...node, definition, body };
    }
    case 'recursiveCte': {
      const anchor = map(node.anchor);
      const step = map(node.step);
      return anchor === node.anchor && step === node.step ? node : { ...node, anchor, step };
    }
    default:
      return assertNever(node);
  }
}

/** Visits the node and everything below it, parents first. */
export function* walk(node: PlanNode): Generator<PlanNode> {
  yield node;
  for (const child of children(node)) yield* walk(child);
}
