/**
 * Reads `sluice.yaml`: text → shape → meaning → `Config`. Reports everything that is wrong at once. Paths in the file are
 * seen from its own directory. Never starts, opens or connects to anything.
 */
import { readFileSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { SluiceError } from '../errors/sluice-error.ts';
import { readAccess } from './access-section.ts';
import { readApprovals } from './approvals-section.ts';
import { readBudgets } from './budgets-section.ts';
import type { Config } from './config.ts';
import { DEFAULT_DATA_DIR } from './config-defaults.ts';
import { type ConfigDeps, ConfigReading, type ReadingOptions } from './config-reading.ts';
import { type ConfigProblem, ConfigSource, configError } from './config-source.ts';
import { readDatabase } from './databases-section.ts';
import { readExports } from './exports-section.ts';
import { readIndex } from './index-section.ts';
import { readLedger } from './ledger-section.ts';
import { readBehaviour, readLimits, readTaint, readTokens } from './limits-section.ts';
import { readListen } from './listen-section.ts';
import { readPrincipals } from './principals-section.ts';
import type { RawConfig } from './raw-config.ts';
import { checkShape } from './schema-check.ts';

/** What checking found: `config` is there exactly if no problem is an error. */
export interface CheckedConfig {
  readonly config?: Config;
  /** Errors and warnings, in the order of the file. */
  readonly problems: readonly ConfigProblem[];
}

/** This process's environment and file system. */
export const SYSTEM_DEPS: ConfigDeps = {
  env: process.env,
  readFile: (path) => readFileSync(path, 'utf8'),
  fileMode: (path) => (process.platform === 'win32' ? undefined : statSync(path).mode),
};

/**
 * The configuration in the file at `path`.
 * @throws {SluiceError} config_invalid, its message a line `file:line:column: problem. Fix.` for every error
 */
export function loadConfig(
  path: string,
  deps: ConfigDeps = SYSTEM_DEPS,
  options: ReadingOptions = {},
): Config {
  const { config, problems } = checkConfig(path, deps, options);
  if (config !== undefined) return config;
  throw configError(problems.filter(({ severity }) => severity === 'error'));
}

/**
 * Like `loadConfig`, but gives back what it found.
 * @throws {SluiceError} config_invalid only if the file itself cannot be read
 */
export function checkConfig(
  path: string,
  deps: ConfigDeps = SYSTEM_DEPS,
  options: ReadingOptions = {},
): CheckedConfig {
  const file = resolve(path);
  const source = new ConfigSource(file, readText(file, deps));
  const problems = source.problems.length > 0 ? source.problems : checkShape(source);
  if (problems.length > 0) return { problems };
  return readSections(new ConfigReading(source, deps, options), source.value as RawConfig);
}

function readSections(reading: ConfigReading, raw: RawConfig): CheckedConfig {
  const dataDir = reading.resolve(raw.dataDir ?? DEFAULT_DATA_DIR);
  const approvals = readApprovals(reading, raw);
  const sections = {
    dataDir,
    // One core is left to the primary, which publishes the ledger.
    workers: raw.workers ?? Math.max(1, availableParallelism() - 1),
    listen: readListen(reading, raw.listen, dataDir, Object.keys(raw.principals ?? {})),
    principals: readPrincipals(reading, raw),
    databases: new Map(
      Object.entries(raw.databases ?? {}).map(([name, entry]) => [name, readDatabase(reading, name, entry)]),
    ),
    policies: {
      defaults: raw.policies?.defaults ?? true,
      files: (raw.policies?.files ?? []).map((file) => reading.resolve(file)),
    },
    approvals,
    access: readAccess(reading, raw, approvals),
    budgets: readBudgets(reading, raw, approvals),
    tokens: readTokens(reading, raw.tokens),
    taint: readTaint(reading, raw.taint),
    behaviour: readBehaviour(reading, raw.behaviour),
    ledger: readLedger(reading, raw.ledger, Object.keys(raw.databases ?? {})),
    index: readIndex(reading, raw.index),
    exports: readExports(reading, raw.exports, Object.keys(raw.databases ?? {})),
    limits: readLimits(reading, raw.limits),
  };
  const problems = reading.problems.sort((a, b) => a.line - b.line || a.column - b.column);
  if (problems.some(({ severity }) => severity === 'error')) return { problems };
  return { config: { source: reading.source, warnings: problems, ...sections }, problems };
}

function readText(file: string, deps: ConfigDeps): string {
  try {
    return deps.readFile(file);
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code ?? 'unknown error'})`;
    throw new SluiceError('config_invalid', `${file}: ${why}`, {
      hint: 'Name the configuration with --config or SLUICE_CONFIG; docs/configuration.md has an example.',
    });
  }
}
