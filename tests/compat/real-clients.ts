/**
 * The real clients: what each is, which file pins its version, and how its program is run. A program takes `work` or `reflect`,
 * connects as libpq's environment variables say, and prints what came back, one fact a line, in `## sections`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { folderOf, type Toolchain } from './toolchains.ts';

export interface RealClient {
  /** Also the name of its transcript, `clients/transcripts/<name>.txt`. */
  readonly name: string;
  readonly toolchain: Toolchain['name'];
  /** The file of its toolchain that holds its version, in the pattern's first group. */
  readonly pin: readonly [file: string, pattern: RegExp];
  /** Program and arguments, from the toolchain's folder in the cache. */
  readonly command: readonly string[];
}

const python = (name: string, file: string): RealClient => ({
  name,
  toolchain: 'python',
  pin: ['requirements.txt', new RegExp(`^${name.toLowerCase()}==(\\S+)`, 'm')],
  command: ['venv/bin/python', file],
});

const node = (name: string, packageName: string, file: string): RealClient => ({
  name,
  toolchain: 'node',
  pin: ['package.json', new RegExp(`"${packageName}": "([^"]+)"`)],
  command: ['node', file],
});

const go = (name: string, module: string, binary: string): RealClient => ({
  name,
  toolchain: 'go',
  pin: ['go.mod', new RegExp(`^\\s*${module} v(\\S+)$`, 'm')],
  command: [`bin/${binary}`],
});

const java = (name: string, artifact: string, main: string): RealClient => ({
  name,
  toolchain: 'java',
  pin: ['pom.xml', new RegExp(`<artifactId>${artifact}</artifactId>\\s*<version>([^<]+)</version>`)],
  command: ['java', '-cp', 'classes:lib/*', main],
});

const rust = (name: string): RealClient => ({
  name,
  toolchain: 'rust',
  pin: ['Cargo.lock', new RegExp(`^name = "${name}"\\nversion = "([^"]+)"`, 'm')],
  command: [`target/debug/${name}-client`],
});

export const REAL_CLIENTS: readonly RealClient[] = [
  node('node-postgres', 'pg', 'node-postgres.mjs'),
  node('postgres.js', 'postgres', 'postgres-js.mjs'),
  node('Prisma', 'prisma', 'prisma.mjs'),
  node('Drizzle', 'drizzle-orm', 'drizzle.mjs'),
  node('Kysely', 'kysely', 'kysely.mjs'),
  python('psycopg', 'psycopg_client.py'),
  python('asyncpg', 'asyncpg_client.py'),
  // Not yet: its inspector passes the name of a setting as a parameter.
  python('SQLAlchemy', 'sqlalchemy_client.py'),
  python('Django', 'django_client.py'),
  go('pgx', 'github.com/jackc/pgx/v5', 'pgx'),
  go('pq', 'github.com/lib/pq', 'pq'),
  rust('tokio-postgres'),
  rust('sqlx'),
  java('pgjdbc', 'postgresql', 'JdbcClient'),
  java('Hibernate', 'hibernate-core', 'HibernateClient'),
];

/** @throws TypeError if there is none of that name */
export function clientNamed(name: string): RealClient {
  const found = REAL_CLIENTS.find((client) => client.name === name);
  if (found === undefined) throw new TypeError(`no client named ${name}`);
  return found;
}

/** The version that its lock file names. */
export function versionOf({ name, toolchain, pin: [file, pattern] }: RealClient): string {
  const text = readFileSync(join(import.meta.dirname, 'clients', toolchain, file), 'utf8');
  const version = pattern.exec(text)?.[1];
  if (version === undefined) throw new Error(`${file} of ${toolchain} names no version of ${name}`);
  return version;
}

/** The program with its path made absolute, ready to be spawned, and the folder it runs in. */
export function commandOf({ toolchain, command }: RealClient): {
  program: string;
  args: readonly string[];
  cwd: string;
} {
  const cwd = folderOf(toolchain);
  const [program = '', ...args] = command;
  return { program: program.includes('/') ? join(cwd, program) : program, args, cwd };
}

/** Where what a client is expected to print is kept. */
export function transcriptFile(client: RealClient): string {
  return join(import.meta.dirname, 'clients', 'transcripts', `${client.name}.txt`);
}
