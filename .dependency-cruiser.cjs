/**
 * Imports point down (ARCHITECTURE.md): each folder may import the folders named beside it,
 * and what those may import.
 */
const layers = {
  common: [],
  types: ['common'],
  plan: ['types'],
  sql: ['types'],
  rpc: ['types'],
  storage: ['plan'],
  catalog: ['storage'],
  duckdb: ['plan', 'sql'],
  exchange: ['types', 'rpc'],
  planner: ['plan', 'sql'],
  worker: ['storage', 'duckdb', 'exchange'],
  coordinator: ['planner', 'catalog', 'duckdb', 'exchange', 'worker'],
  server: ['coordinator'],
  client: ['types', 'coordinator'],
  main: ['server', 'coordinator', 'worker', 'client'],
  config: ['types'],
  cli: ['main', 'config'],
};

function closure(layer, seen = new Set()) {
  for (const below of layers[layer]) {
    if (!seen.has(below)) {
      seen.add(below);
      closure(below, seen);
    }
  }
  return seen;
}

module.exports = {
  forbidden: [
    ...Object.keys(layers).map((layer) => ({
      name: `layer-${layer}`,
      severity: 'error',
      from: { path: `^src/${layer}/`, pathNot: '\\.test\\.ts$' },
      to: {
        path: '^src/',
        pathNot: [layer, ...closure(layer)].map((folder) => `^src/${folder}/`),
      },
    })),
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'duckdb-only-in-duckdb',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/duckdb/' },
      to: { path: '@duckdb/node-api' },
    },
    {
      name: 'client-takes-only-types-of-the-coordinator',
      severity: 'error',
      from: { path: '^src/client/', pathNot: '\\.test\\.ts$' },
      to: { path: '^src/coordinator/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'enter-by-index',
      severity: 'error',
      from: { path: '^src/([^/]+)/' },
      to: {
        path: '^src/([^/]+)/.+',
        pathNot: ['^src/$1/', '^src/[^/]+/index\\.ts$', '^src/server/rest/index\\.ts$'],
      },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
};
