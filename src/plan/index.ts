export { children, mapChildren, walk } from './children.ts';
export type {
  AggregateCall,
  CompareOp,
  Expr,
  FrameBound,
  LiteralValue,
  SortKey,
  WindowCall,
  WindowFrame,
} from './expression.ts';
export { exprChildren, mapExprChildren, remapColumns, walkExpr } from './map-expr.ts';
export {
  aggregateExprs,
  mapAggregateCall,
  mapSortKeys,
  mapWindowCall,
  nodeExprs,
  windowExprs,
} from './node-exprs.ts';
export type { OperatorTree } from './operator-tree.ts';
export type {
  AggregateNode,
  CteRefNode,
  DistinctNode,
  Distribution,
  ExchangeNode,
  FilterNode,
  JoinCondition,
  JoinKind,
  JoinNode,
  LimitNode,
  PlanNode,
  PositionalJoinNode,
  ProjectNode,
  RecursiveCteNode,
  SampleNode,
  ScanNode,
  SetOperationNode,
  SortNode,
  StageInputNode,
  TableFunctionNode,
  UnnestNode,
  ValuesNode,
  WindowNode,
  WithNode,
} from './plan-node.ts';
export { isUniqueOn } from './unique-keys.ts';
