import { readFile } from 'node:fs/promises';
import { UsageError } from '../config/index.ts';
import type { CommandContext } from './command.ts';

const howToGive = 'give it as an argument in quotes, by --file, or on standard input';

/** The SQL of a command: its argument, standard input (`-`, or a pipe), or --file; exactly one of them. */
export async function readSql({ args, config }: CommandContext): Promise<string> {
  const { file } = config.values;
  const [argument] = args;
  if (argument !== undefined && file !== undefined && config.sources.file.kind === 'flag') {
    throw new UsageError('the SQL comes from the argument or from --file, not from both');
  }
  const sql = await (argument !== undefined
    ? argument === '-'
      ? readStdin()
      : argument
    : file !== undefined
      ? readSqlFile(file)
      : readStdin());
  if (sql.trim() === '') throw new UsageError('the SQL is empty', howToGive);
  return sql;
}

async function readSqlFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${(error as Error).message}`, undefined, error);
  }
}

async function readStdin(): Promise<string> {
  if (process.stdin.isTTY) {
    throw new UsageError('no SQL', howToGive);
  }
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
