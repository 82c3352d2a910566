import { type Json, JsonNumber, type JsonObject } from './parse-json.ts';

/**
 * About how many bytes the value of a parsed expression takes, as far as its constants say; 0 where a column or a
 * subquery decides. DuckDB computes such values when it binds, whatever their size: `repeat(repeat('x', 1e5), 1e5)`
 * would stop the coordinator.
 */
export function constantSize(json: Json | undefined): number {
  if (!(json instanceof Map)) return 0;
  const expr = json as JsonObject;
  const children = list(expr.get('children'));
  switch (expr.get('class')) {
    case 'CONSTANT':
      return literalSize(expr);
    case 'CAST':
      return constantSize(expr.get('child'));
    case 'LAMBDA':
      return constantSize(expr.get('expr'));
    case 'FUNCTION':
      return callSize(String(expr.get('function_name')).toLowerCase(), children);
    default:
      return children.reduce<number>((sum, child) => sum + constantSize(child), 0);
  }
}

function callSize(name: string, args: readonly Json[]): number {
  const size = (index: number): number => constantSize(args[index]);
  const count = (index: number): number => Math.max(0, integer(args[index]) ?? 0);
  switch (name) {
    case 'repeat':
      return Math.max(1, size(0)) * count(1);
    case 'lpad':
    case 'rpad':
    case 'bitstring':
      return count(1);
    case 'list_resize':
    case 'array_resize':
      return count(1) * Math.max(8, size(2));
    case 'range':
    case 'generate_series': {
      const [start, stop] =
        args.length === 1 ? [0, count(0)] : [integer(args[0]) ?? 0, integer(args[1]) ?? 0];
      return (Math.abs(stop - start) / Math.abs(integer(args[2]) ?? 1)) * 8;
    }
    case 'list_transform':
    case 'list_apply':
    case 'array_transform':
    case 'array_apply':
    case 'apply':
      return (size(0) / 8) * Math.max(8, size(1));
    default:
      return args.reduce<number>((sum, arg) => sum + constantSize(arg), 0);
  }
}

function literalSize(expr: JsonObject): number {
  const value = literal(expr);
  return typeof value === 'string' ? value.length : 8;
}

/** An integer written as such, or by a cast or a sign before it. */
function integer(json: Json | undefined): number | undefined {
  if (!(json instanceof Map)) return undefined;
  const expr = json as JsonObject;
  if (expr.get('class') === 'CAST') return integer(expr.get('child'));
  const [only] = list(expr.get('children'));
  if (expr.get('function_name') === '-') {
    const positive = integer(only);
    return positive === undefined ? undefined : -positive;
  }
  const value = expr.get('class') === 'CONSTANT' ? literal(expr) : undefined;
  return value instanceof JsonNumber ? Number(value.text) : undefined;
}

function literal(expr: JsonObject): Json | undefined {
  const value = expr.get('value');
  return value instanceof Map ? (value as JsonObject).get('value') : undefined;
}

function list(json: Json | undefined): readonly Json[] {
  return Array.isArray(json) ? (json as readonly Json[]) : [];
}
