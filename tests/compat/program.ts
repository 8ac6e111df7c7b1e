/** Runs a program of the operating system to its end. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

export interface ProgramResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningProgram {
  readonly child: ChildProcessWithoutNullStreams;
  readonly finished: Promise<ProgramResult>;
}

/** Starts `name`; `env` comes on top of this process's own, without any PG* of it. */
export function startProgram(
  name: string,
  args: readonly string[],
  env: Record<string, string>,
  options: { readonly cwd?: string } = {},
): RunningProgram {
  const inherited = Object.entries(process.env).filter(([key]) => !key.startsWith('PG'));
  const child = spawn(name, args, {
    ...options,
    env: { ...Object.fromEntries(inherited), LC_ALL: 'C.UTF-8', ...env },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const finished = new Promise<ProgramResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, finished };
}

/** Runs `name`, with `input` on its stdin. */
export function runProgram(
  name: string,
  args: readonly string[],
  env: Record<string, string>,
  { input = '', ...options }: { readonly input?: string; readonly cwd?: string } = {},
): Promise<ProgramResult> {
  const { child, finished } = startProgram(name, args, env, options);
  child.stdin.end(input);
  return finished;
}
