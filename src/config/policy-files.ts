/** Finds the policy files a configuration names, anew at each load, so that a new file in a directory is seen. */
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { SluiceError } from '../errors/sluice-error.ts';
import type { Config } from './config.ts';
import { configError } from './config-source.ts';

type ReadDirectory = (path: string) => readonly string[];

/**
 * The absolute paths of all files, in the order written, those of one pattern sorted, each once.
 * @throws {SluiceError} config_invalid if a pattern finds nothing: a policy that is not there must not go unnoticed
 */
export function listPolicyFiles(
  config: Pick<Config, 'policies' | 'source'>,
  readDirectory: ReadDirectory = (path) => readdirSync(path),
): string[] {
  const found = config.policies.files.flatMap((pattern, index) => {
    const refuse = (message: string, fix: string) =>
      configError([config.source.problem(['policies', 'files', index], message, fix)]);
    return expand(pattern, readDirectory, refuse);
  });
  return [...new Set(found)];
}

function expand(
  pattern: string,
  readDirectory: ReadDirectory,
  refuse: (message: string, fix: string) => SluiceError,
): string[] {
  const directory = dirname(pattern);
  if (directory.includes('*')) {
    throw refuse('only the last part of a path may hold *', 'List the directories one by one.');
  }
  if (!basename(pattern).includes('*')) return [pattern];
  const names = listing(directory, readDirectory).filter((name) => matches(name, basename(pattern)));
  if (names.length > 0) return names.sort().map((name) => join(directory, name));
  throw refuse(`${pattern} matches no file`, 'Create the file, correct the path, or remove the line.');
}

function listing(directory: string, readDirectory: ReadDirectory): readonly string[] {
  try {
    return readDirectory(directory);
  } catch {
    return [];
  }
}

/** Shell-like: `*` stands for any characters, but a leading dot must be written out. */
function matches(name: string, pattern: string): boolean {
  if (name.startsWith('.') && !pattern.startsWith('.')) return false;
  const parts = pattern.split('*');
  const last = parts.pop()!;
  let at = parts[0]!.length;
  if (!name.startsWith(parts[0]!)) return false;
  for (const part of parts.slice(1)) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}
