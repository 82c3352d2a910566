import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { DuckDb, type DuckDbConnection } from '../../duckdb/index.ts';
import { quoteLiteral } from '../../types/index.ts';

/** One of the demo's tables, its rows a function of their number: every machine gets the same. */
interface DemoTable {
  readonly name: string;
  readonly rowCount: number;
  readonly files: number;
  /** SELECT over `i`, the row's number from 0, which FROM is appended to. */
  readonly select: string;
}

const demoTables: readonly DemoTable[] = [
  {
    name: 'events',
    rowCount: 1_000_000,
    files: 8,
    // Few users do much; most events are views; time goes on evenly over 90 days.
    select: `
      1 + floor(20000 * ${chance(1)} * ${chance(1)})::INTEGER AS user_id,
      CASE
        WHEN kind < 0.60 THEN 'page_view' WHEN kind < 0.82 THEN 'click' WHEN kind < 0.92 THEN 'search'
        WHEN kind < 0.97 THEN 'add_to_cart' WHEN kind < 0.99 THEN 'purchase' ELSE 'signup'
      END AS event_type,
      TIMESTAMP '2026-01-01' + to_milliseconds(i * 7776) AS timestamp,
      (CASE WHEN kind < 0.92 THEN 60 * ${chance(3)} WHEN kind < 0.99 THEN 4 + 300 * ${chance(3)} * ${chance(3)} * ${chance(3)} ELSE 0 END
      )::DECIMAL(10, 2) AS value`,
  },
  {
    name: 'users',
    rowCount: 20_000,
    files: 4,
    select: `
      (i + 1)::INTEGER AS user_id,
      ${pick(4, 'Ada Ben Chloe Dmitri Elif Farid Grace Hiro Ines Jonas Kemi Lena Mateo Nadia Omar Priya Quinn Rosa Sven Tariq')}
        || ' ' ||
      ${pick(5, 'Adler Bianchi Costa Dubois Eriksen Fischer Garcia Haddad Ito Jansen Kaya Larsen Moreau Novak Okafor Patel')}
        AS name,
      ${pick(6, 'Brazil Brazil France Germany Germany Germany India India India India Italy Japan Japan Kenya Norway Turkey')}
        AS country`,
  },
];

/** SQL for an evenly spread number in [0, 1), a function of the row's number. */
function chance(salt: number): string {
  return `((hash(i * 16 + ${salt}) % 1000000) / 1000000)`;
}

/** SQL for one of the words. */
function pick(salt: number, words: string): string {
  const list = words.split(' ');
  return `[${list.map(quoteLiteral).join(', ')}][1 + (hash(i * 16 + ${salt}) % ${list.length})::INTEGER]`;
}

export interface MadeTables {
  /** Folder whose sub-folders are the tables. */
  readonly folder: string;
  /** False when they were there already. */
  readonly made: boolean;
}

/** Hidden, so that it is no table; written last, so that its tables are whole. */
const manifestName = '.complete';

/**
 * Makes the demo's tables in `home/demo`, unless they are there and whole. They appear at once: what a killed start
 * left behind is taken away and made again.
 */
export async function makeDemoTables(home: string, signal: AbortSignal): Promise<MadeTables> {
  const folder = join(home, 'demo');
  await mkdir(home, { recursive: true });
  await removeLeftovers(home);
  if (await isWhole(folder)) return { folder, made: false };

  const work = join(home, `demo.new-${process.pid}`);
  try {
    await writeTables(work, signal);
    await replaceFolder(work, folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return { folder, made: true };
}

async function writeTables(folder: string, signal: AbortSignal): Promise<void> {
  const temp = join(folder, '.temp');
  await mkdir(temp, { recursive: true });
  const duckdb = await DuckDb.open({
    threads: availableParallelism(),
    memoryBytes: 2 ** 30,
    tempDirectory: temp,
    readRoots: [],
    writeRoots: [folder],
  });
  try {
    await using connection = await duckdb.connect();
    for (const table of demoTables) await writeTable(connection, folder, table, signal);
  } finally {
    duckdb.close();
  }
  await rm(temp, { recursive: true });
  await writeFile(join(folder, manifestName), JSON.stringify(await fileSizes(folder)));
}

async function writeTable(
  connection: DuckDbConnection,
  folder: string,
  table: DemoTable,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(join(folder, table.name));
  const rowsPerFile = table.rowCount / table.files;
  for (let file = 0; file < table.files; file++) {
    const path = join(folder, table.name, `part-${file}.parquet`);
    const rows = `range(${file * rowsPerFile}, ${(file + 1) * rowsPerFile})`;
    await connection.run(
      `COPY (SELECT ${table.select} FROM (SELECT range AS i, ${chance(2)} AS kind FROM ${rows}) ORDER BY i)
       TO ${quoteLiteral(path)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 40960)`,
      signal,
    );
  }
}

/** Size of every file below, by path; hidden ones are left out. */
async function fileSizes(folder: string): Promise<Record<string, number>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.'));
  const sizes = await Promise.all(
    files.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      return [relative(folder, path), (await stat(path)).size] as const;
    }),
  );
  return Object.fromEntries(sizes.sort());
}

async function isWhole(folder: string): Promise<boolean> {
  try {
    const manifest = await readFile(join(folder, manifestName), 'utf8');
    return manifest === JSON.stringify(await fileSizes(folder));
  } catch {
    // Not there, or not readable as tables would be: to be made.
    return false;
  }
}

/** Puts `work` in the place of `folder`; another process that was faster has done it as well. */
async function replaceFolder(work: string, folder: string): Promise<void> {
  const old = `${work}.old`;
  await rename(folder, old).catch(() => {});
  try {
    await rename(work, folder);
  } catch (error) {
    if (!(await isWhole(folder))) throw error;
  }
  await rm(old, { recursive: true, force: true });
}

/** What processes that are gone left in the middle of their work. */
async function removeLeftovers(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    const pid = /^demo\.new-(\d+)/.exec(name)?.[1];
    if (pid !== undefined && !isRunning(Number(pid)))
      await rm(join(home, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
