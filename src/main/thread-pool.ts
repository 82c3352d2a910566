/**
 * Every running DuckDB statement holds a thread of libuv's pool, as do reads of files. The pool is as large as the
 * environment says when it is first used, which loading an ES module does: this helps a CommonJS program that loads
 * Skein first. The command `skein` sets it in its own first line; docs/node-api.md tells everyone else.
 */
process.env.UV_THREADPOOL_SIZE ??= '64';
