export {
  type BoundParameters,
  bindParameters,
  formatLiteral,
  type Parameters,
  substitute,
} from './bind-parameters.ts';
export { type Evaluate, expandPivots, mentionsPivot } from './expand-pivots.ts';
export { type ExplainFormat, isWord, parseStatement, type Statement } from './parse-statement.ts';
export { type Token, type TokenKind, tokenize } from './tokenize.ts';
