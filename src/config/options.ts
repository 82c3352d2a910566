import {
  booleanKind,
  bytesKind,
  choiceKind,
  countKind,
  durationKind,
  listKind,
  locationKind,
  type OptionKind,
  paramsKind,
  pathKind,
  settingsKind,
  textKind,
  urlKind,
} from './option-kind.ts';

/** One option: everything that flags, environment, configuration file and documentation say of it. */
export interface OptionSpec<T> {
  /** As on the command line: `--data <dir>`, `-f, --file <file>`. */
  readonly flags: string;
  /** The environment variable. */
  readonly env: string;
  readonly kind: OptionKind<T>;
  readonly default: T;
  /** What the default is, where it is worked out when needed. */
  readonly defaultText: string | undefined;
  readonly help: string;
  /** Never shown. */
  readonly secret: boolean;
  /** Where the configuration file is: these cannot be set in it. */
  readonly locatesFile: boolean;
}

interface Extra {
  readonly secret?: true;
  readonly locatesFile?: true;
}

function option<T>(
  flags: string,
  env: string,
  kind: OptionKind<T>,
  byDefault: T,
  help: string,
): OptionSpec<T> {
  return {
    flags,
    env,
    kind,
    default: byDefault,
    defaultText: undefined,
    help,
    secret: false,
    locatesFile: false,
  };
}

/** An option whose default is worked out when needed, or that stays unset. */
function optional<T>(
  flags: string,
  env: string,
  kind: OptionKind<T>,
  defaultText: string | undefined,
  help: string,
  extra: Extra = {},
): OptionSpec<T | undefined> {
  return {
    flags,
    env,
    kind: kind as OptionKind<T | undefined>,
    default: undefined,
    defaultText,
    help,
    secret: extra.secret ?? false,
    locatesFile: extra.locatesFile ?? false,
  };
}

export const defaultPort = 8642;
const port = countKind(0, 65_535);

/**
 * Every option, once, by its key in the configuration file. Flags, environment variables, validation of the file,
 * `skein config` and docs/configuration.md all come from here.
 */
export const options = {
  home: optional('--home <dir>', 'SKEIN_HOME', pathKind, '~/.skein', 'folder for everything Skein keeps', {
    locatesFile: true,
  }),
  config: optional(
    '--config <file>',
    'SKEIN_CONFIG',
    pathKind,
    'config.json in the home folder',
    'configuration file',
    {
      locatesFile: true,
    },
  ),
  color: option(
    '--color <when>',
    'SKEIN_COLOR',
    choiceKind(['auto', 'always', 'never']),
    'auto',
    'colors: auto, always or never',
  ),

  data: optional(
    '-d, --data <dir>',
    'SKEIN_DATA',
    locationKind,
    undefined,
    'folder whose files, sub-folders and Delta tables are the tables, or s3://bucket/prefix',
  ),
  externalRoots: option(
    '--external-roots <list>',
    'SKEIN_EXTERNAL_ROOTS',
    listKind(locationKind),
    [],
    'folders and s3:// locations besides the data folder that statements may read and write',
  ),
  s3Endpoint: optional(
    '--s3-endpoint <url>',
    'SKEIN_S3_ENDPOINT',
    urlKind,
    'AWS',
    'S3-compatible store that s3:// means',
  ),
  s3Region: optional(
    '--s3-region <name>',
    'SKEIN_S3_REGION',
    textKind,
    'as the environment says',
    'region of the S3 store',
  ),
  s3PathStyle: option(
    '--s3-path-style',
    'SKEIN_S3_PATH_STYLE',
    booleanKind,
    false,
    'name buckets in the path instead of in the host name',
  ),
  tableCache: optional(
    '--table-cache <dir>',
    'SKEIN_TABLE_CACHE',
    pathKind,
    'in the spool, and gone with the worker',
    'folder where workers keep what they read of tables on S3',
  ),
  tableCacheSize: option(
    '--table-cache-size <size>',
    'SKEIN_TABLE_CACHE_SIZE',
    bytesKind,
    10 * 1024 ** 3,
    'what that may grow to, of each worker and of the coordinator',
  ),
  workers: option(
    '-w, --workers <n>',
    'SKEIN_WORKERS',
    countKind(1, 1024),
    1,
    'workers of the engine in this process',
  ),
  threads: optional(
    '--threads <n>',
    'SKEIN_THREADS',
    countKind(1, 1024),
    'the cores, shared evenly',
    'threads of each worker',
  ),
  memory: optional(
    '--memory <size>',
    'SKEIN_MEMORY',
    bytesKind,
    'most of the machine, shared evenly',
    'memory of each worker, such as 4GB',
  ),
  spool: optional(
    '--spool <dir>',
    'SKEIN_SPOOL',
    pathKind,
    'spool in the home folder',
    'folder for exchanged and spilled data',
  ),

  host: option('--host <address>', 'SKEIN_HOST', textKind, '127.0.0.1', 'address to listen on'),
  port: option(
    '-p, --port <port>',
    'SKEIN_PORT',
    port,
    defaultPort,
    'port of the coordinator; 0 picks a free one',
  ),
  workerPort: option(
    '-p, --port <port>',
    'SKEIN_WORKER_PORT',
    port,
    0,
    'port of the worker; 0 picks a free one',
  ),
  advertise: optional(
    '--advertise <host>',
    'SKEIN_ADVERTISE',
    textKind,
    'found out',
    'name or address by which others reach this worker',
  ),
  coordinator: option(
    '-c, --coordinator <url>',
    'SKEIN_COORDINATOR',
    urlKind,
    `http://127.0.0.1:${defaultPort}`,
    'coordinator to join',
  ),
  clusterToken: optional(
    '--cluster-token <secret>',
    'SKEIN_CLUSTER_TOKEN',
    textKind,
    undefined,
    'secret shared by coordinator, workers and clients',
    { secret: true },
  ),
  drainTimeout: option(
    '--drain-timeout <duration>',
    'SKEIN_DRAIN_TIMEOUT',
    durationKind,
    30_000,
    'how long a shutdown waits for running work',
  ),

  server: optional(
    '-s, --server <url>',
    'SKEIN_SERVER',
    urlKind,
    `http://127.0.0.1:${defaultPort}`,
    'coordinator to ask',
  ),
  format: option(
    '-f, --format <format>',
    'SKEIN_FORMAT',
    choiceKind(['table', 'json', 'jsonl', 'csv', 'markdown']),
    'table',
    'table, json, jsonl, csv or markdown',
  ),
  explainFormat: option(
    '-f, --format <format>',
    'SKEIN_EXPLAIN_FORMAT',
    choiceKind(['text', 'json', 'dot']),
    'text',
    'text, json or dot',
  ),
  loadFormat: optional(
    '-f, --format <format>',
    'SKEIN_LOAD_FORMAT',
    choiceKind(['parquet', 'csv', 'json']),
    "by the files' extension",
    'parquet, csv or json',
  ),
  loadOption: option(
    '--option <name=value>',
    'SKEIN_LOAD_OPTION',
    settingsKind,
    {},
    'how the files are read, as COPY FROM takes it, such as delim=;; repeat for more',
  ),
  create: option('--create', 'SKEIN_CREATE', booleanKind, false, 'make the table where it is not there'),
  idempotencyKey: optional(
    '--idempotency-key <key>',
    'SKEIN_IDEMPOTENCY_KEY',
    textKind,
    undefined,
    'a load with a key that the table has seen is not done again',
  ),
  onServer: option(
    '--on-server',
    'SKEIN_ON_SERVER',
    booleanKind,
    false,
    'the paths are of files that the server may reach',
  ),
  exportFormat: optional(
    '-f, --format <format>',
    'SKEIN_EXPORT_FORMAT',
    choiceKind(['parquet', 'csv', 'json', 'jsonl']),
    "by the file's extension",
    'parquet, csv, json or jsonl',
  ),
  sql: optional('--sql <query>', 'SKEIN_SQL', textKind, undefined, 'a query to export, in place of a table'),
  analyze: option(
    '-a, --analyze',
    'SKEIN_ANALYZE',
    booleanKind,
    false,
    'run the query and show what happened',
  ),
  file: optional('--file <file>', 'SKEIN_FILE', pathKind, undefined, 'file with the SQL'),
  param: option(
    '--param <value>',
    'SKEIN_PARAM',
    paramsKind,
    [],
    'parameter for ? or $1, or name=value for $name; repeat for more',
  ),
  schema: optional(
    '--schema <name>',
    'SKEIN_SCHEMA',
    textKind,
    'main',
    'schema where unqualified tables are looked up first',
  ),
  set: option(
    '--set <name=value>',
    'SKEIN_SET',
    settingsKind,
    {},
    'session setting, such as TimeZone=UTC; repeat for more',
  ),
  maxRows: option(
    '--max-rows <n>',
    'SKEIN_MAX_ROWS',
    countKind(0),
    100,
    'rows a table on a terminal shows; 0 shows all',
  ),
  stats: option(
    '--stats',
    'SKEIN_STATS',
    booleanKind,
    false,
    'summary after the result: time, rows, stages, tasks',
  ),
  progress: option(
    '--progress <when>',
    'SKEIN_PROGRESS',
    choiceKind(['auto', 'never']),
    'auto',
    'progress bar on a terminal: auto or never',
  ),
  timeout: optional(
    '--timeout <duration>',
    'SKEIN_TIMEOUT',
    durationKind,
    'none',
    'cancel the query after this long, such as 30s',
  ),
  json: option('--json', 'SKEIN_JSON', booleanKind, false, 'print JSON'),

  serve: option('--serve', 'SKEIN_SERVE', booleanKind, false, 'keep serving until Ctrl-C'),
  demoWorkers: option(
    '-w, --workers <n>',
    'SKEIN_DEMO_WORKERS',
    countKind(1, 64),
    3,
    'worker processes of the demo',
  ),

  benchWorkers: option(
    '-w, --workers <list>',
    'SKEIN_BENCH_WORKERS',
    listKind(countKind(1, 1024)),
    [1, 2, 4],
    'numbers of workers to measure',
  ),
  benchQueries: optional(
    '-q, --queries <list>',
    'SKEIN_BENCH_QUERIES',
    listKind(countKind(1, 22)),
    'all 22',
    'queries to run, such as 1,6,9',
  ),
  benchRuns: option(
    '-r, --runs <n>',
    'SKEIN_BENCH_RUNS',
    countKind(1, 1000),
    3,
    'measured runs of each query; the median counts',
  ),
  benchOut: option(
    '-o, --out <dir>',
    'SKEIN_BENCH_OUT',
    pathKind,
    'bench-results',
    'folder for the results, JSON and SVG',
  ),
  benchProcesses: option(
    '--processes',
    'SKEIN_BENCH_PROCESSES',
    booleanKind,
    false,
    'also measure worker processes over the network',
  ),
  benchCopies: option(
    '-n, --copies <n>',
    'SKEIN_BENCH_COPIES',
    countKind(1, 100_000),
    10,
    'copies of the data to make',
  ),
  benchDataOut: optional(
    '-o, --out <dir>',
    'SKEIN_BENCH_DATA_OUT',
    pathKind,
    undefined,
    'folder for the larger data',
  ),
} as const satisfies Record<string, OptionSpec<unknown>>;

export type OptionName = keyof typeof options;

/** What an option's value is once flags, environment, file and default are settled. */
export type OptionValue<Name extends OptionName> = (typeof options)[Name]['default'];

export type OptionValues = { readonly [Name in OptionName]: OptionValue<Name> };

export const optionNames = Object.keys(options) as readonly OptionName[];
