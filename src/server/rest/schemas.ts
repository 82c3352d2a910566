import { Ajv } from 'ajv';
import { SkeinError, SqlState } from '../../common/index.ts';

/**
 * JSON Schemas of requests and responses: the validation and the OpenAPI document are both made from these.
 * Kept to what JSON Schema draft-07 (Ajv) and OpenAPI 3.1 read alike.
 */

const described = (description: string | undefined): object =>
  description === undefined ? {} : { description };
const count = (description?: string): object => ({ type: 'integer', minimum: 0, ...described(description) });
const ms = (description?: string): object => ({ type: 'number', minimum: 0, ...described(description) });
const text = (description?: string): object => ({ type: 'string', ...described(description) });

const states = ['queued', 'planning', 'running', 'finishing', 'finished', 'failed', 'canceled'];
const stateSchema = { type: 'string', enum: states };

/** An object whose listed fields are all required, and that has no others. */
function closed(
  properties: Record<string, object>,
  optional: readonly string[] = [],
): Record<string, unknown> {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', properties, required, additionalProperties: false };
}

const valueDescription = [
  'A SQL value. NULL is null; BOOLEAN true or false; integers up to 2^53, FLOAT and DOUBLE are numbers.',
  'Integers beyond 2^53 (by value, whatever the type), DECIMAL, dates, times, timestamps, INTERVAL, UUID, BIT, ENUM and',
  "JSON are strings in DuckDB's spelling; NaN and the infinities are 'nan', 'inf' and '-inf'; a BLOB is a string in",
  'which bytes that are no printable ASCII stand as \\xAA. LIST and ARRAY are arrays, STRUCT an object (an array where',
  'its fields have no names), MAP an array of [key, value], UNION an object {"tag", "value"}.',
].join(' ');

export const appendHeaders = {
  type: 'object',
  properties: {
    'idempotency-key': {
      type: 'string',
      maxLength: 255,
      description: 'a request with a key that the table has seen adds nothing',
    },
  },
} as const;

const loadProperties = {
  table: { type: 'string', description: 'as in SQL: t, schema.t or "My Table"' },
  schema: { type: 'string', description: 'where a name without one is looked up; default main' },
  format: { type: 'string', enum: ['parquet', 'csv', 'json'], description: 'default: by the extension' },
  create: { type: 'boolean', description: "make the table, with the files' columns, where it is not there" },
  idempotencyKey: { type: 'string', minLength: 1, maxLength: 255 },
} as const;

/** What a JSON body of `POST /data/load` says. */
function loadRequest(): Record<string, unknown> {
  return {
    type: 'object',
    required: ['table', 'paths'],
    additionalProperties: false,
    properties: {
      ...loadProperties,
      paths: {
        type: 'array',
        items: { type: 'string' },
        minItems: 1,
        description: 'files that the server may read; patterns, folders and s3:// work',
      },
      options: {
        type: 'object',
        additionalProperties: { type: ['string', 'number', 'boolean'] },
        description: 'what COPY FROM takes, such as {"delim": ";", "header": true}',
      },
    },
  };
}

/** A body that is the bytes of a file. */
function bytes(contentMediaType: string, description: string): object {
  return { schema: { contentMediaType, description } };
}

const uploads = {
  'application/octet-stream': 'a file; `name` or `format` tells what it is',
  'application/gzip': 'a file packed by gzip; `name` tells what it is: rows.csv.gz',
  'application/zstd': 'a file packed by zstd; `name` tells what it is: rows.csv.zst',
  'application/x-ndjson': 'JSON objects, one a line',
  'application/vnd.apache.parquet': 'a Parquet file',
  'text/csv': 'a CSV file',
};

/** The body of `POST /data/load`. */
export const loadContent = {
  description: 'with `table` in the URL the file itself, else the request as JSON',
  content: {
    'application/json': { schema: { $ref: 'LoadRequest#' } },
    ...Object.fromEntries(Object.entries(uploads).map(([type, text]) => [type, bytes(type, text)])),
  },
};

/** The media type of an Arrow IPC stream. */
export const arrowStream = 'application/vnd.apache.arrow.stream';

/** The body of `POST /data/{table}/append`. */
export const appendContent = {
  description: 'rows of the table, their columns by name',
  content: {
    'application/x-ndjson': bytes('application/x-ndjson', 'JSON objects, one a line'),
    'application/json': { schema: { type: 'object', description: 'one row, or several, one a line' } },
    [arrowStream]: bytes(arrowStream, "an Arrow IPC stream, uncompressed, its columns of the table's types"),
  },
};

export const components: readonly Record<string, unknown>[] = [
  {
    $id: 'Error',
    ...closed({
      error: closed(
        {
          sqlState: { type: 'string', pattern: '^[0-9A-Z]{5}$', description: 'docs/errors.md lists them' },
          message: text('for people'),
          position: count('characters before the fault in the SQL text of the request'),
          hint: text('what to try'),
        },
        ['position', 'hint'],
      ),
    }),
  },
  {
    $id: 'Column',
    ...closed({ name: text('names may repeat'), type: text("the type in DuckDB's spelling: DECIMAL(15,2)") }),
  },
  { $id: 'Row', type: 'array', items: { description: valueDescription }, description: 'one value a column' },
  {
    $id: 'Progress',
    ...closed({
      tasksTotal: count('grows while stages are planned'),
      tasksFinished: count(),
      tasksRunning: count(),
      fraction: { type: 'number', minimum: 0, maximum: 1, description: 'finished work, weighted by input' },
    }),
  },
  {
    $id: 'Stats',
    ...closed(
      {
        state: stateSchema,
        queuedMs: ms('waiting for admission'),
        planningMs: ms('binding and planning'),
        elapsedMs: ms('from submission to the last row, or until now'),
        rows: count('rows of the result'),
        scannedRows: count('rows read from tables'),
        scannedBytes: count('bytes read from tables'),
        exchangedRows: count('rows moved between stages'),
        exchangedBytes: count('bytes moved between stages'),
        stages: count(),
        tasks: count(),
        retries: count('attempts beyond the first of each task'),
        workers: count('workers that took part'),
        bypassed: { type: 'boolean', description: 'ran as one fragment because it was small' },
        cleanupMs: ms(
          "from the query's end until all workers had stopped and deleted its files; absent until then",
        ),
      },
      ['cleanupMs'],
    ),
  },
  {
    $id: 'Links',
    ...closed({ self: text('GET'), tree: text('GET'), cancel: text('DELETE') }),
  },
  { $id: 'Query', ...closed(queryProperties()) },
  {
    $id: 'QueryWithRows',
    ...closed(
      {
        ...queryProperties(),
        links: { $ref: 'Links#' },
        rows: { type: 'array', items: { $ref: 'Row#' }, description: 'this page of the kept result' },
        offset: count('row number of the first row of the page'),
        next: { type: ['string', 'null'], description: 'the next page; null on the last one' },
      },
      ['rows', 'offset', 'next'],
    ),
  },
  {
    $id: 'Result',
    ...closed({
      queryId: text(),
      columns: { type: 'array', items: { $ref: 'Column#' } },
      rows: { type: 'array', items: { $ref: 'Row#' } },
      stats: { $ref: 'Stats#' },
    }),
  },
  {
    $id: 'ResultLine',
    description:
      'One line of the answer: first the header, then batches of rows, last the statistics or the error. ' +
      'An answer whose last line is neither was cut short.',
    anyOf: [
      closed({ queryId: text(), columns: { type: 'array', items: { $ref: 'Column#' } } }),
      closed({ rows: { type: 'array', items: { $ref: 'Row#' } } }),
      closed({ stats: { $ref: 'Stats#' } }),
      { $ref: 'Error#' },
    ],
  },
  {
    $id: 'Accepted',
    ...closed({ queryId: text(), state: stateSchema, links: { $ref: 'Links#' } }),
  },
  { $id: 'LoadRequest', ...loadRequest() },
  {
    $id: 'Loaded',
    ...closed({
      queryId: text(),
      table: text('schema-qualified'),
      rows: {
        type: ['integer', 'null'],
        description: 'that the load added; null where the log does not say any more',
      },
      version: { type: ['integer', 'null'], description: 'of the table, that has them; null as rows' },
      duplicate: { type: 'boolean', description: 'the key had been used: rows and version are of that load' },
    }),
  },
  {
    $id: 'Appended',
    ...closed({
      version: { type: ['integer', 'null'], description: 'of the table, that has the rows' },
      rows: { type: ['integer', 'null'], description: 'of this request' },
      duplicate: {
        type: 'boolean',
        description: 'the key had been used: rows and version are of that request',
      },
    }),
  },
  { $id: 'Canceled', ...closed({ queryId: text(), state: stateSchema }) },
  {
    $id: 'Queries',
    ...closed({ queries: { type: 'array', items: { $ref: 'Query#' }, description: 'newest first' } }),
  },
  operatorTree(),
  {
    $id: 'Tree',
    ...closed({
      queryId: text(),
      sql: text(),
      state: stateSchema,
      notes: { type: 'array', items: text('why something is not distributed') },
      stages: { type: 'array', items: stageTree(), description: 'producers before consumers; the root last' },
    }),
  },
  { $id: 'Cluster', ...closed(clusterProperties()) },
  {
    $id: 'Health',
    ...closed({
      status: { type: 'string', enum: ['ok', 'no workers'] },
      version: text(),
      uptimeMs: ms(),
      workers: count('workers that are alive'),
    }),
  },
];

function queryProperties(): Record<string, object> {
  return {
    queryId: text(),
    sql: text(),
    state: stateSchema,
    submittedAt: { type: 'number', description: 'milliseconds since 1970' },
    finishedAt: { type: ['number', 'null'], description: 'milliseconds since 1970' },
    columns: { type: ['array', 'null'], items: { $ref: 'Column#' }, description: 'null until it is planned' },
    progress: { $ref: 'Progress#' },
    stats: { $ref: 'Stats#' },
    error: {
      anyOf: [{ type: 'null' }, { type: 'object', required: ['sqlState', 'message'] }],
      description: 'the fields of an error',
    },
  };
}

function operatorTree(): Record<string, unknown> {
  const properties = {
    kind: text('scan, filter, hash join ...'),
    details: { type: 'array', items: text('table, predicates, keys, aggregates') },
    estimatedRows: { type: 'number', minimum: 0 },
    children: { type: 'array', items: { $ref: 'Operator#' } },
  };
  return { $id: 'Operator', ...closed(properties, ['estimatedRows']) };
}

function stageTree(): Record<string, unknown> {
  const input = closed({ stage: count(), read: { type: 'string', enum: ['partition', 'all'] } });
  return closed(
    {
      id: count(),
      state: { type: 'string', enum: ['waiting', 'running', 'finished', 'failed', 'canceled'] },
      inputs: { type: 'array', items: input, description: 'stages it reads' },
      output: text('how its rows leave: hash (o_orderkey) into 3, gather, result'),
      sql: text('the fragment as DuckDB SQL'),
      operators: { $ref: 'Operator#' },
      estimatedRows: { type: 'number', minimum: 0 },
      estimatedBytes: { type: 'number', minimum: 0, description: 'of the rows that it gives' },
      actualRows: count('absent until it ran'),
      inputRows: count(),
      inputBytes: count(),
      outputBytes: count(),
      written: closed({ rows: count(), bytes: count(), files: count('that it added to a table') }),
      elapsedMs: ms("from its first task's start to its last task's end"),
      tasks: { type: 'array', items: taskTree() },
    },
    ['actualRows', 'inputRows', 'inputBytes', 'outputBytes', 'written', 'elapsedMs'],
  );
}

function taskTree(): Record<string, unknown> {
  const attempt = closed(
    {
      attempt: count('from 0'),
      worker: text('its id'),
      state: { type: 'string', enum: ['running', 'finished', 'failed', 'canceled', 'lost'] },
      startedMs: { type: 'number', description: 'since the query was submitted' },
      elapsedMs: ms(),
      inputRows: count(),
      outputRows: count(),
      outputBytes: count(),
      error: text('why it failed'),
    },
    ['error'],
  );
  return closed({ task: count('index within the stage'), attempts: { type: 'array', items: attempt } });
}

function clusterProperties(): Record<string, object> {
  const worker = closed({
    id: text(),
    url: text('empty for a worker within the coordinator'),
    host: text(),
    state: { type: 'string', enum: ['alive', 'suspect', 'draining', 'lost'] },
    threads: count(),
    memoryBytes: count('limit'),
    memoryUsedBytes: count(),
    residentBytes: count('of its process'),
    runningTasks: count(),
    finishedTasks: count(),
    failedTasks: count(),
    spoolBytes: count(),
    spoolFreeBytes: count(),
    cacheBytes: count(),
    cacheHits: count(),
    cacheMisses: count(),
    tableCacheBytes: count('of remote table files kept on its disk'),
    tableCacheHits: count(),
    tableCacheMisses: count(),
    cpuLoad: { type: 'number', minimum: 0 },
    lastSeenMs: ms('since the last heartbeat'),
    uptimeMs: ms(),
  });
  const table = closed({ name: text(), rowCount: count(), bytes: count(), files: count() });
  return {
    version: text(),
    duckdbVersion: text(),
    uptimeMs: ms(),
    workers: { type: 'array', items: worker },
    runningQueries: count(),
    queuedQueries: count(),
    tables: { type: 'array', items: table },
  };
}

/** The body of `POST /query`. Parameters are checked when they are read: any JSON is a value. */
export const queryBody = {
  type: 'object',
  required: ['sql'],
  additionalProperties: false,
  properties: {
    sql: { type: 'string', description: 'one SELECT, EXPLAIN, SHOW, DESCRIBE ... as DuckDB reads it' },
    params: {
      type: ['array', 'object'],
      description:
        'Values for ? and $1 (an array) or $name (an object). Numbers with a fraction or an exponent are DOUBLE; ' +
        'integers keep every digit. {"$bigint": "5"}, {"$blob": "\\\\xAA"} and {"$float": "nan"} stand for what JSON ' +
        'has no form for.',
    },
    schema: { type: 'string', description: 'where unqualified names are looked up first; default main' },
    settings: {
      type: 'object',
      additionalProperties: { type: ['string', 'number', 'boolean'] },
      description: 'what SET name = value takes, for this query alone',
    },
    async: {
      type: 'boolean',
      description: 'answer 202 at once and keep the result for GET /query/{id}',
    },
  },
} as const;

export const idParams = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string', description: 'queryId' } },
} as const;

export const pageQuery = {
  type: 'object',
  additionalProperties: false,
  properties: {
    offset: { type: 'integer', minimum: 0, description: 'first row of the page; default 0' },
    limit: { type: 'integer', minimum: 0, maximum: 100_000, description: 'rows of the page; default 1000' },
  },
} as const;

export const treeQuery = {
  type: 'object',
  additionalProperties: false,
  properties: { format: { type: 'string', enum: ['json', 'dot'], default: 'json' } },
} as const;

export const listQuery = {
  type: 'object',
  additionalProperties: false,
  properties: {
    state: { ...stateSchema, description: 'only queries in this state' },
    limit: { type: 'integer', minimum: 0, maximum: 10_000, default: 100 },
  },
} as const;

export const tableParams = {
  type: 'object',
  required: ['table'],
  properties: { table: { type: 'string', description: 'as in SQL: t, schema.t or "My Table"' } },
} as const;

export const appendQuery = {
  type: 'object',
  additionalProperties: false,
  properties: {
    schema: { type: 'string', description: 'where a name without one is looked up; default main' },
  },
} as const;

export const loadQuery = {
  type: 'object',
  additionalProperties: false,
  properties: {
    ...loadProperties,
    name: { type: 'string', description: "the file's: its extension tells format and compression" },
    options: {
      type: 'string',
      description: 'JSON: what COPY FROM takes, such as {"delim": ";", "header": true}',
    },
  },
} as const;

const checkLoadBody = new Ajv({ allErrors: false, allowUnionTypes: true }).compile(loadRequest());

/** The JSON body of `POST /data/load`. @throws SkeinError 22023 */
export function loadBody(body: unknown): unknown {
  if (checkLoadBody(body)) return body;
  const [problem] = checkLoadBody.errors ?? [];
  const field = problem?.instancePath.slice(1).replaceAll('/', '.') ?? '';
  const where = field === '' ? 'body' : `body: field "${field}"`;
  throw new SkeinError(SqlState.invalidParameterValue, `${where} ${problem?.message ?? 'is not valid'}`);
}
