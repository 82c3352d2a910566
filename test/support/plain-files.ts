import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';

/** Files and folders of every format, compression and layout, each of them a table. */
export async function writePlainFiles(data: string): Promise<void> {
  for (const folder of ['nums', 'hive/k=1/p=a b', 'hive/k=2/p=c', 'lines', 'texts/y=1', 'texts/y=2']) {
    await mkdir(join(data, folder), { recursive: true });
  }
  const instance = await DuckDBInstance.create(':memory:');
  const duckdb = await instance.connect();
  const copy = (select: string, to: string, options: string): Promise<unknown> =>
    duckdb.run(`COPY (${select}) TO '${join(data, to)}' (${options})`);
  const wide = Array.from({ length: 10 }, (_, index) => `hash(i + ${index}) AS w${index}`).join(', ');
  for (const part of [0, 1, 2]) {
    const rows = `SELECT i, i % 7 AS g, 'text ' || i AS s, [i, NULL] AS l, ${wide} FROM range(${part * 20000}, ${part * 20000 + 20000}) r(i)`;
    await copy(rows, `nums/${part}.parquet`, 'FORMAT parquet, ROW_GROUP_SIZE 10240');
  }
  await copy('SELECT i, i::VARCHAR AS s FROM range(10) r(i)', 'hive/k=1/p=a b/x.parquet', 'FORMAT parquet');
  await copy('SELECT i, i::VARCHAR AS s FROM range(5) r(i)', 'hive/k=2/p=c/x.parquet', 'FORMAT parquet');
  const people = `SELECT i AS id, 'na"me; ' || i AS name, DATE '2020-01-01' + i::INTEGER AS day FROM range(3000) r(i)`;
  await copy(people, 'people.csv', 'FORMAT csv, HEADER');
  await copy(people, 'zipped.csv.gz', 'FORMAT csv, HEADER, COMPRESSION gzip');
  await copy(people, 'tabs.tsv', `FORMAT csv, HEADER, DELIMITER '\t'`);
  await copy(people, 'lines/1.jsonl', 'FORMAT json');
  await copy(people, 'lines/2.jsonl.zst', 'FORMAT json, COMPRESSION zstd');
  await copy(people, 'array.json', 'FORMAT json, ARRAY true');
  await copy('SELECT 1 AS a', 'texts/y=1/a.csv', 'FORMAT csv, HEADER');
  await copy('SELECT 2 AS a', 'texts/y=2/a.csv', 'FORMAT csv, HEADER');
  duckdb.closeSync();
  instance.closeSync();
}
