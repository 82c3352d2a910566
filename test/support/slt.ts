import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Order } from './compare.ts';

/** A statement of a test file: its answer is what bare DuckDB says. */
export interface Statement {
  readonly file: string;
  /** Line of its directive, from 1. */
  readonly line: number;
  readonly sql: string;
  readonly expect:
    | { readonly kind: 'rows'; readonly order: Order }
    | { readonly kind: 'error'; readonly sqlState: string }
    | { readonly kind: 'refused'; readonly sqlState: string };
  /** Its scans must have run on all workers. */
  readonly distributed: boolean;
  readonly settings: Readonly<Record<string, string>>;
}

/**
 * Reads a test file: blocks between blank lines, each a directive and a statement.
 *
 * ```
 * # a comment
 * query                     the same rows in any order
 * query ordered             the same rows in the same order
 * query sorted 0,2          as ordered by these columns (from 0), ties in any order
 * query distributed         its scans must have used all workers; goes with the others
 * query set TimeZone=Asia/Tokyo
 * error 22012               fails with this SQLSTATE, and on bare DuckDB
 * refused 42501             fails with this SQLSTATE, though bare DuckDB would run it
 * SELECT ...
 * ```
 */
function parseSlt(text: string, file: string): Statement[] {
  const statements: Statement[] = [];
  let block: string[] = [];
  for (const [index, line] of [...text.split('\n'), ''].entries()) {
    if (line.startsWith('#')) continue;
    if (line.trim() !== '') {
      block.push(line);
      continue;
    }
    const [directive, ...sql] = block;
    if (directive !== undefined) {
      const number = index + 1 - block.length;
      if (sql.length === 0) throw new Error(`${file}:${number}: a directive without a statement`);
      const parsed = parseDirective(directive, `${file}:${number}`);
      statements.push({ file, line: number, sql: sql.join('\n'), ...parsed });
    }
    block = [];
  }
  return statements;
}

function parseDirective(text: string, where: string): Pick<Statement, 'expect' | 'distributed' | 'settings'> {
  const [kind, ...words] = text.trim().split(/\s+/);
  if (kind === 'error' || kind === 'refused') {
    const sqlState = words[0] ?? '';
    if (!/^[0-9A-Z]{5}$/.test(sqlState)) throw new Error(`${where}: ${kind} takes a SQLSTATE`);
    return { expect: { kind, sqlState }, distributed: false, settings: {} };
  }
  if (kind !== 'query') throw new Error(`${where}: unknown directive ${text}`);
  let order: Order = { kind: 'multiset' };
  let distributed = false;
  const settings: Record<string, string> = {};
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === 'ordered') order = { kind: 'ordered' };
    else if (word === 'distributed') distributed = true;
    else if (word === 'sorted')
      order = { kind: 'sorted', keys: (words.shift() ?? '').split(',').map(Number) };
    else if (word === 'set') {
      const [name = '', value = ''] = (words.shift() ?? '').split('=');
      settings[name] = value;
    } else throw new Error(`${where}: unknown word ${word}`);
  }
  return { expect: { kind: 'rows', order }, distributed, settings };
}

/** Every statement of every `.slt` file of a folder, files in the order of their names. */
export async function readSltFolder(folder: string): Promise<Statement[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.slt')).sort();
  const statements = await Promise.all(
    files.map(async (name) => parseSlt(await readFile(join(folder, name), 'utf8'), name)),
  );
  return statements.flat();
}
