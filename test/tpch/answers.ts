import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SqlValue } from '../../src/types/index.ts';
import type { Order } from '../support/compare.ts';
import type { Result, ResultColumn } from '../support/runner.ts';

export interface TpchQuery {
  /** `q01`. */
  readonly name: string;
  readonly sql: string;
  readonly order: Order;
}

export const tpchTables = [
  'customer',
  'lineitem',
  'nation',
  'orders',
  'part',
  'partsupp',
  'region',
  'supplier',
] as const;

/** Output columns (from 0) that each query's ORDER BY names. */
const sortKeys: Readonly<Record<string, readonly number[]>> = {
  q01: [0, 1],
  q02: [0, 2, 1, 3],
  q03: [1, 2],
  q04: [0],
  q05: [1],
  q07: [0, 1, 2],
  q08: [0],
  q09: [0, 1],
  q10: [2],
  q11: [1],
  q12: [0],
  q13: [1, 0],
  q15: [0],
  q16: [3, 0, 1, 2],
  q18: [4, 3],
  q20: [0],
  q21: [1, 0],
  q22: [0],
};

const queryFolder = new URL('../../bench/tpch/queries', import.meta.url).pathname;
const dataFolder = new URL('../data/tpch', import.meta.url).pathname;

/** The project's own copy of the data at a scale factor. */
export function ownTpchData(scale: string): string {
  return join(dataFolder, scale);
}

export async function readTpchQueries(): Promise<TpchQuery[]> {
  const files = (await readdir(queryFolder)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    files.map(async (file) => {
      const name = file.replace('.sql', '');
      const keys = sortKeys[name];
      const order: Order = keys === undefined ? { kind: 'multiset' } : { kind: 'sorted', keys };
      return { name, sql: await readFile(join(queryFolder, file), 'utf8'), order };
    }),
  );
}

/** The known answer, its text read as the types that the columns have. */
export async function readAnswer(
  scale: string,
  query: string,
  columns: readonly ResultColumn[],
): Promise<Result> {
  const text = await readFile(join(dataFolder, 'answers', scale, `${query}.csv`), 'utf8');
  const [header = [], ...records] = parseCsv(text);
  return {
    columns: header.map((field, index) => ({ name: field.text, type: columns[index]?.type ?? 'missing' })),
    rows: records.map((record) => record.map((field, index) => cell(field, columns[index]?.type ?? ''))),
  };
}

interface Field {
  readonly text: string;
  readonly quoted: boolean;
}

function cell({ text, quoted }: Field, type: string): SqlValue {
  if (text === '' && !quoted) return null;
  if (type === 'BIGINT' || type === 'HUGEINT') return BigInt(text);
  if (type === 'DOUBLE' || type.endsWith('INTEGER')) return Number(text);
  return text;
}

/** Fields between `|`, quoted where they need it; every record ends with a newline. */
function parseCsv(text: string): Field[][] {
  const records: Field[][] = [];
  let record: Field[] = [];
  const field = /("(?:[^"]|"")*"|[^|\n]*)(\||\n)/y;
  for (let match = field.exec(text); match !== null; match = field.exec(text)) {
    const [, raw = '', end] = match;
    const quoted = raw.startsWith('"');
    record.push({ text: quoted ? raw.slice(1, -1).replaceAll('""', '"') : raw, quoted });
    if (end === '\n') {
      records.push(record);
      record = [];
    }
  }
  return records;
}
