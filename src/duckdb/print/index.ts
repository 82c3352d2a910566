export { type LeafName, printSql } from './print-plan.ts';
export { printScalar } from './print-scalar.ts';
