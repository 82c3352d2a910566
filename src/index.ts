export { SkeinError } from './common/index.ts';
