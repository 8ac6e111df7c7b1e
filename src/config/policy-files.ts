/** Finds and reads the policy files a configuration names, anew at each load, so that a new file in a directory is seen. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SluiceError } from '../errors/sluice-error.ts';
import type { Config } from './config.ts';
import { configError } from './config-source.ts';

type ReadDirectory = (path: string) => readonly string[];

/** The policies that ship with Sluice, at the package's root, seen from src/ and dist/ alike. */
const SHIPPED_POLICIES = fileURLToPath(new URL('../../policies/', import.meta.url));

/** A policy file's text, and how to name it: seen from the configuration, so that it is the same on every machine. */
export interface PolicyText {
  readonly file: string;
  readonly text: string;
}

/**
 * The texts of all policies in force: those that ship, unless `policies.defaults` is off, and the configured ones.
 * @throws {SluiceError} config_invalid, with the place in the configuration, for a file that cannot be read
 */
export function readPolicyTexts(config: Pick<Config, 'policies' | 'source'>): PolicyText[] {
  const shipped = config.policies.defaults ? readdirSync(SHIPPED_POLICIES).sort() : [];
  const home = dirname(config.source.file);
  return [
    ...shipped
      .filter((name) => name.endsWith('.cedar'))
      .map((name) => ({ file: `sluice/${name}`, text: readFileSync(join(SHIPPED_POLICIES, name), 'utf8') })),
    ...listPolicyFiles(config).map((path) => ({
      file: relative(home, path),
      text: readPolicy(config, path),
    })),
  ];
}

function readPolicy(config: Pick<Config, 'policies' | 'source'>, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code ?? 'unknown error';
    const index = config.policies.files.indexOf(path);
    const place = index < 0 ? ['policies', 'files'] : ['policies', 'files', index];
    throw configError([
      config.source.problem(place, `cannot read ${path}: ${code}`, 'Create the file, or correct the path.'),
    ]);
  }
}

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
