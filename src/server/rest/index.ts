export { createRestServer, type RestOptions } from './rest-server.ts';
