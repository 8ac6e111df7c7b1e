/** What a process used so far, as Linux counts it in /proc. On other systems nothing is known, and NaN says so. */
import { readFileSync } from 'node:fs';

/** `USER_HZ`: Linux reports ticks of 10 ms on every architecture. */
const TICK_US = 10_000;

/** Processor time of all threads, user and kernel, in microseconds. */
export function cpuUs(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name may hold blanks; what follows its closing parenthesis is fixed.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_US;
  } catch {
    return Number.NaN;
  }
}

export interface Memory {
  readonly residentMiB: number;
  /** The most it was since it started. */
  readonly peakMiB: number;
}

export function memory(pid: number): Memory {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const of = (name: string): number =>
      Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]) / 1024);
    return { residentMiB: of('VmRSS'), peakMiB: of('VmHWM') };
  } catch {
    return { residentMiB: Number.NaN, peakMiB: Number.NaN };
  }
}
