export { type LeafName, printSql } from './print-plan.ts';
