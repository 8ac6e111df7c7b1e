/** Runs the command line: in this process, with streams that are read, or as a process of its own. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { runCli } from '../../src/cli/program.ts';
import { Terminal } from '../../src/cli/terminal.ts';

export const SLUICE_SCRIPT = join(import.meta.dirname, '../../src/cli/sluice.ts');

export interface CliRun {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliRunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** What comes in; default a terminal, which is nothing. */
  readonly stdin?: string;
  /** Makes both streams terminals of that width. */
  readonly columns?: number;
  readonly now?: number;
}

/** In this process. Nothing of the real environment is seen. */
export async function runInProcess(args: readonly string[], options: CliRunOptions = {}): Promise<CliRun> {
  const { env = {}, stdin, columns, now } = options;
  let stdout = '';
  let stderr = '';
  const tty = columns === undefined ? {} : { isTTY: true, columns };
  const out = {
    ...tty,
    write: (text: string) => {
      stdout += text;
    },
  };
  const err = {
    ...tty,
    write: (text: string) => {
      stderr += text;
    },
  };
  const exitCode = await runCli(args, {
    terminal: new Terminal(out, err, env),
    env,
    readStdin: async () => stdin,
    now: () => now ?? Date.now(),
    version: '9.9.9',
    exitCode: 0,
  });
  return { exitCode, stdout, stderr };
}

/** As a process of its own, with pipes. */
export function runAsProcess(
  args: readonly string[],
  options: CliRunOptions & { cwd?: string } = {},
): Promise<CliRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [SLUICE_SCRIPT, ...args], {
      env: { PATH: process.env.PATH ?? '', ...options.env },
      ...(options.cwd !== undefined && { cwd: options.cwd }),
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr }));
    child.stdin.end(options.stdin ?? '');
  });
}
