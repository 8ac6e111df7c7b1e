/**
 * What reading one configuration needs at hand: the files and variables it names, and the problems found so far. Reading
 * goes on after a problem, so that one run names them all.
 */
import { dirname, resolve } from 'node:path';
import type { ConfigPath, ConfigProblem, ConfigSource } from './config-source.ts';
import type { RawSecret } from './raw-config.ts';
import { Secret } from './secret.ts';

/** The world outside, injected. */
export interface ConfigDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file. Throws as `readFileSync` does. */
  readonly readFile: (path: string) => string;
  /** The permission bits of a file, or undefined where it has none. Throws as `statSync` does. */
  readonly fileMode: (path: string) => number | undefined;
}

export interface ReadingOptions {
  /**
   * `skip` leaves out passwords and private keys, for commands that need neither and may run where they are not set.
   * Default `read`.
   */
  readonly secrets?: 'read' | 'skip';
}

/** Collects problems while a configuration is read. */
export class ConfigReading {
  readonly problems: ConfigProblem[] = [];
  readonly source: ConfigSource;
  readonly readsSecrets: boolean;
  readonly #deps: ConfigDeps;

  constructor(source: ConfigSource, deps: ConfigDeps, options: ReadingOptions) {
    this.source = source;
    this.#deps = deps;
    this.readsSecrets = options.secrets !== 'skip';
  }

  error(path: ConfigPath, message: string, fix: string, at: 'key' | 'value' = 'value'): undefined {
    this.problems.push(this.source.problem(path, message, fix, { at }));
    return undefined;
  }

  warn(path: ConfigPath, message: string, fix: string, at: 'key' | 'value' = 'value'): void {
    this.problems.push(this.source.problem(path, message, fix, { at, severity: 'warning' }));
  }

  /** A path of the file, seen from the directory of the file. */
  resolve(path: string): string {
    return resolve(dirname(this.source.file), path);
  }

  /** The text of the file named at `path`, or undefined and a problem. */
  text(path: ConfigPath, file: string): string | undefined {
    const resolved = this.resolve(file);
    try {
      return this.#deps.readFile(resolved);
    } catch (thrown) {
      const [why, fix] = wordFileError(thrown);
      return this.error(path, `cannot read ${resolved}: ${why}`, fix);
    }
  }

  /** The content of a PEM file that must hold a block of the given kind. */
  pem(path: ConfigPath, file: string, kind: 'CERTIFICATE' | 'PRIVATE KEY' | 'X509 CRL'): string | undefined {
    const text = this.text(path, file);
    if (text === undefined) return undefined;
    const block =
      kind === 'PRIVATE KEY' ? /-----BEGIN [A-Z ]*PRIVATE KEY-----/ : new RegExp(`-----BEGIN ${kind}-----`);
    if (block.test(text)) return text;
    return this.error(path, `${this.resolve(file)} holds no PEM ${kind}`, 'Name a PEM file that does.');
  }

  /** The private key named at `path`; warns if others on the machine may read it. */
  privateKey(path: ConfigPath, file: string): Secret | undefined {
    const text = this.pem(path, file, 'PRIVATE KEY');
    if (text === undefined) return undefined;
    this.#warnIfExposed(path, file);
    return new Secret(text);
  }

  /** The secret described at `path`, or undefined: not wanted, or missing and reported. */
  secret(path: ConfigPath, raw: RawSecret): Secret | undefined {
    if (!this.readsSecrets) return undefined;
    if (raw.env !== undefined) return this.#secretFromEnv([...path, 'env'], raw.env);
    return raw.file === undefined ? undefined : this.#secretFromFile([...path, 'file'], raw.file);
  }

  #secretFromEnv(path: ConfigPath, name: string): Secret | undefined {
    const value = this.#deps.env[name];
    if (value !== undefined && value !== '') return new Secret(value);
    const state = value === undefined ? 'not set' : 'empty';
    return this.error(
      path,
      `the environment variable ${name} is ${state}`,
      `Set ${name} before starting, or use { file: path }.`,
    );
  }

  #secretFromFile(path: ConfigPath, file: string): Secret | undefined {
    const text = this.text(path, file)?.replace(/\r?\n$/, '');
    if (text === undefined) return undefined;
    if (text === '') return this.error(path, `${this.resolve(file)} is empty`, 'Write the password into it.');
    if (/[\0\r\n]/.test(text)) {
      return this.error(
        path,
        `${this.resolve(file)} holds more than one line`,
        'Keep only the password in it.',
      );
    }
    this.#warnIfExposed(path, file);
    return new Secret(text);
  }

  #warnIfExposed(path: ConfigPath, file: string): void {
    const resolved = this.resolve(file);
    const mode = this.#deps.fileMode(resolved);
    if (mode === undefined || (mode & 0o007) === 0) return;
    this.warn(path, `${resolved} is open to every user of this machine`, `Run chmod o-rwx ${resolved}.`);
  }
}

function wordFileError(thrown: unknown): readonly [why: string, fix: string] {
  const code = (thrown as NodeJS.ErrnoException).code ?? 'unknown error';
  const worded: Readonly<Record<string, readonly [string, string]>> = {
    ENOENT: [
      'there is no such file',
      'Create it, or correct the path (relative paths start at the configuration).',
    ],
    EACCES: ['permission denied', 'Let the user that runs Sluice read it.'],
    EISDIR: ['it is a directory', 'Name a file.'],
  };
  return worded[code] ?? [code, 'Correct the path.'];
}
