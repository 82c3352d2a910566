import type { CommandSpec } from '../command.ts';

export const benchTpchDataCommand: CommandSpec = {
  name: 'bench tpch-data',
  summary: 'make a larger TPC-H data set of copies of a small one, with keys of their own',
  details: `Every copy has keys, and names made of keys, of its own, between those of the others, so each copy joins with itself alone
as the original does: sizes, fan-outs and selectivities stay those of the original. It is not what dbgen would write: values
other than keys repeat. The same input always gives the same rows.`,
  options: ['data', 'benchCopies', 'benchDataOut'],
  examples: [
    {
      command: 'skein bench tpch-data --data sf0.1 --copies 10 --out sf1',
      does: 'as many rows as scale factor 1',
    },
  ],
  async run(context) {
    const { runTpchData } = await import('../bench/run-tpch-data.ts');
    return await runTpchData(context);
  },
};
