/**
 * A reviewer that is a program on this machine: the question on its standard input, the answer on its standard output. No shell, nothing
 * of the gateway's environment but PATH, and an end to its time and its output. What it leaves behind is killed with it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { MAX_ANSWER_BYTES } from '../notifications/bounded-post.ts';
import type { AutomaticAnswer } from '../voting.ts';
import { readAnswer } from './reviewer-answer.ts';

export interface CommandTarget {
  /** The absolute path of the program, and its arguments. */
  readonly command: readonly string[];
  readonly timeoutMs: number;
}

/** @throws {Error} if there is no answer, or not one that counts; its message holds nothing of the answer */
export async function askByCommand(
  { command, timeoutMs }: CommandTarget,
  body: string,
  signal: AbortSignal,
): Promise<AutomaticAnswer> {
  const [file, ...args] = command as [string, ...string[]];
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { PATH: process.env.PATH ?? '' },
    cwd: '/',
    // A group of its own, so that its children end with it.
    detached: true,
  });
  const timeout = AbortSignal.any([AbortSignal.timeout(timeoutMs), signal]);
  try {
    return readAnswer(await outputOf(child, body, timeout));
  } finally {
    end(child);
  }
}

function outputOf(child: ChildProcess, body: string, ended: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  let length = 0;
  ended.addEventListener('abort', () => reject(new Error('no answer in time')), { once: true });
  if (ended.aborted) reject(new Error('no answer in time'));
  child.on('error', (error) => reject(new Error((error as NodeJS.ErrnoException).code ?? 'cannot be run')));
  child.stdout?.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= MAX_ANSWER_BYTES) chunks.push(chunk);
    else reject(new Error('its answer is too long'));
  });
  child.on('close', (code) => {
    if (code === 0) resolve(Buffer.concat(chunks).toString('utf8'));
    else reject(new Error(code === null ? 'it was killed' : `exit code ${code}`));
  });
  // Whoever answers without reading the question closes the pipe.
  child.stdin?.on('error', () => {});
  child.stdin?.end(body);
  return promise;
}

function end({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of the group have ended.
  }
}
