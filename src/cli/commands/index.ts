import type { CommandSpec } from '../command.ts';
import { benchLogsCommand } from './bench-logs.ts';
import { benchTpchCommand } from './bench-tpch.ts';
import { benchTpchDataCommand } from './bench-tpch-data.ts';
import { cancelCommand } from './cancel.ts';
import { clusterCommand } from './cluster.ts';
import { completionCommand } from './completion.ts';
import { configCommand } from './config.ts';
import { coordinatorCommand } from './coordinator.ts';
import { demoCommand } from './demo.ts';
import { explainCommand } from './explain.ts';
import { exportCommand } from './export.ts';
import { loadCommand } from './load.ts';
import { queriesCommand } from './queries.ts';
import { queryCommand } from './query.ts';
import { startCommand } from './start.ts';
import { workerCommand } from './worker.ts';

/** In the order of the help. */
export const commands: readonly CommandSpec[] = [
  demoCommand,
  queryCommand,
  explainCommand,
  loadCommand,
  exportCommand,
  startCommand,
  coordinatorCommand,
  workerCommand,
  clusterCommand,
  queriesCommand,
  cancelCommand,
  benchLogsCommand,
  benchTpchCommand,
  benchTpchDataCommand,
  configCommand,
  completionCommand,
];
