/**
 * What a process and those it started used so far, as Linux counts it in /proc. On other systems nothing is known, and NaN says so.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** `USER_HZ`: Linux reports ticks of 10 ms on every architecture. */
const TICK_US = 10_000;

/** Processor time of all threads, user and kernel, in microseconds. */
export function cpuUs(pid: number): number {
  return sumOf(pid, (one) => {
    const stat = readFileSync(`/proc/${one}/stat`, 'utf8');
    // The command's name may hold blanks; what follows its closing parenthesis is fixed.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_US;
  });
}

export interface Memory {
  readonly residentMiB: number;
  /** The most it was since it started; of several processes, the sum of the most that each was. */
  readonly peakMiB: number;
}

export function memory(pid: number): Memory {
  const of = (name: string): number =>
    sumOf(pid, (one) => {
      const status = readFileSync(`/proc/${one}/status`, 'utf8');
      return Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]) / 1024);
    });
  return { residentMiB: of('VmRSS'), peakMiB: of('VmHWM') };
}

function sumOf(pid: number, read: (pid: number) => number): number {
  try {
    return treeOf(pid).reduce((sum, one) => sum + read(one), 0);
  } catch {
    return Number.NaN;
  }
}

/** A process and its descendants. */
function treeOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim().split(' ').filter(Boolean),
  );
  return [pid, ...children.flatMap((child) => treeOf(Number(child)))];
}
