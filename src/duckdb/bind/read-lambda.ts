import { type Expr, walkExpr } from '../../plan/index.ts';
import type { SqlType } from '../../types/index.ts';
import { type Fields, UnreadablePlan } from './fields.ts';
import type { Json } from './parse-json.ts';
import type { ExpressionReader, Scope } from './read-expression.ts';

/**
 * Reads `list_transform(list, lambda x: ...)` and its kin. DuckDB keeps the body in `function_data`; there position 0
 * is the last parameter, and what follows the parameters are captured values, which stand among the call's children:
 * `[list, initial?, ...captures]`.
 */
export function readLambdaCall(
  name: string,
  children: readonly Json[],
  data: Fields,
  type: SqlType,
  reader: ExpressionReader,
): Expr {
  const body = data.get('lambda_expr');
  const call = (args: readonly Expr[]): Expr => ({ kind: 'call', name, args, type, volatile: false });
  const values = reader.readAll(children);
  const [list, ...rest] = values;
  if (list === undefined || body === undefined) throw new UnreadablePlan(`${name} without a lambda`);
  const initial = data.boolean('has_initial') ? rest.slice(0, 1) : [];
  const captures = rest.slice(initial.length);
  const count = (name.endsWith('reduce') ? 2 : 1) + (data.boolean('has_index') ? 1 : 0);
  const depth = freeDepth(values);
  const params = Array.from({ length: count }, (_, index) => `p${depth}_${index}`);
  const inner: Scope = (index, paramType) => {
    const param = params[count - 1 - index];
    if (param !== undefined) return { kind: 'lambdaParam', name: param, type: paramType };
    const capture = captures[index - count];
    if (capture === undefined) throw new UnreadablePlan(`${name} with an unknown reference`);
    return capture;
  };
  const lambda = reader.within(inner).read(body);
  return call([list, { kind: 'lambda', params, body: lambda, type: lambda.type }, ...initial]);
}

/** A lambda must not give its parameters names that a captured value uses: `p<depth>_<index>`. */
function freeDepth(values: readonly Expr[]): number {
  let depth = 0;
  for (const value of values) {
    for (const expr of walkExpr(value)) {
      const used = expr.kind === 'lambdaParam' ? /^p([0-9]+)_/.exec(expr.name)?.[1] : undefined;
      if (used !== undefined) depth = Math.max(depth, Number(used) + 1);
    }
  }
  return depth;
}
