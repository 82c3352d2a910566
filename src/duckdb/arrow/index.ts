export { ArrowRows } from './arrow-rows.ts';
export { writeArrowParquet } from './write-arrow.ts';
