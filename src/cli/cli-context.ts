/** What commands need of the world, injected. */
import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import type { Config } from '../config/config.ts';
import { loadConfig, SYSTEM_DEPS } from '../config/load-config.ts';
import { parseDurationMs } from '../config/quantity.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { ExitCode } from './exit-code.ts';
import type { Terminal } from './terminal.ts';

export interface CliContext {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Everything on stdin, as text; undefined if stdin is a terminal. */
  readonly readStdin: () => Promise<string | undefined>;
  readonly now: () => number;
  readonly version: string;
  /** What the process will exit with; commands set it. */
  exitCode: ExitCode;
}

/** Options that every command has. */
export interface GlobalOptions {
  readonly config?: string;
}

/** Where the configuration is: `--config`, `SLUICE_CONFIG`, or the working directory. */
export function configPath(context: CliContext, options: GlobalOptions): string {
  return options.config ?? context.env.SLUICE_CONFIG ?? './sluice.yaml';
}

/**
 * The configuration. Passwords are read only where they are needed: an operator's shell does not have them.
 * @throws {SluiceError} config_invalid
 */
export function configOf(
  context: CliContext,
  options: GlobalOptions,
  secrets: 'read' | 'skip' = 'skip',
): Config {
  return loadConfig(configPath(context, options), { ...SYSTEM_DEPS, env: context.env }, { secrets });
}

/** For options that take a duration. */
export function durationOption(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined) throw new InvalidArgumentError('Write a whole number and a unit: 90s, 15m, 1h, 7d.');
  return ms;
}

/** For options that take a whole number. */
export function countOption(text: string): number {
  if (!/^[0-9]{1,15}$/.test(text)) throw new InvalidArgumentError('Write a whole number.');
  return Number(text);
}

/** For options that may be repeated or take a list with commas. */
export function listOption(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...text.split(',').map((item) => item.trim())];
}

/**
 * The text of a file that the command line names.
 * @throws {SluiceError} bad_request
 */
export function readNamedFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new SluiceError('bad_request', `cannot read ${path}: ${(cause as NodeJS.ErrnoException).code}`, {
      cause,
    });
  }
}
