import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import os from 'node:os';

/** This process, told apart from every other one that may share a folder with it. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When the process started, in the kernel's ticks: a reused pid has another. Empty where unknown. */
  readonly startTicks: string;
  readonly hostName: string;
  /** Changes at every boot of the host. */
  readonly bootId: string;
  /** Where `pid` has its meaning: containers have their own. */
  readonly pidNamespace: string;
}

export function processIdentity(): ProcessIdentity {
  return {
    pid: process.pid,
    startTicks: startTicks(process.pid) ?? '',
    hostName: os.hostname(),
    bootId: readText('/proc/sys/kernel/random/boot_id').trim(),
    pidNamespace: pidNamespace(),
  };
}

/** Whether this was read from what a process wrote of itself. */
export function isProcessIdentity(value: unknown): value is ProcessIdentity {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, ...names } = value as Record<string, unknown>;
  return (
    typeof pid === 'number' &&
    ['startTicks', 'hostName', 'bootId', 'pidNamespace'].every((name) => typeof names[name] === 'string')
  );
}

/** Equal for processes that see the same local files, as far as can be told: one host, one boot, one host name. */
export function hostId(): string {
  const { hostName, bootId } = processIdentity();
  return createHash('sha256').update(`${hostName}\0${bootId}`).digest('hex').slice(0, 16);
}

/** True only when the process has certainly ended. */
export function hasEnded(other: ProcessIdentity): boolean {
  const self = processIdentity();
  if (other.hostName !== self.hostName) return false;
  if (other.bootId !== self.bootId) return true;
  if (other.pidNamespace !== self.pidNamespace) return false;
  if (!isRunning(other.pid)) return true;
  const ticks = startTicks(other.pid);
  return ticks !== undefined && other.startTicks !== '' && ticks !== other.startTicks;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

function startTicks(pid: number): string | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  // The command's name is in parentheses and may hold blanks; start time is the 20th field after it.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
