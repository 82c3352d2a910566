#!/usr/bin/env node
/*
 * The command `skein`. Every running DuckDB statement holds a thread of libuv's pool, whose size is read from the
 * environment when the pool is first used: loading an ES module uses it, so this one file is CommonJS.
 */
process.env.UV_THREADPOOL_SIZE ??= '64';

import('./program.ts')
  .then(({ runCommandLine }) => runCommandLine(process.argv.slice(2)))
  .then(
    // Exits even while connections are kept alive: the command has done what it does.
    (exitCode) => process.exit(exitCode),
    (error: unknown) => {
      process.stderr.write(`error XX000: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exit(1);
    },
  );
