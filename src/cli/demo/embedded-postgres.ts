/**
 * Starts a real PostgreSQL in a directory of its own, for the demo and for the tests, and makes sure that nothing of it
 * outlives the process that asked: neither on `stop()`, nor after an exception, Ctrl-C or SIGKILL.
 *
 * For that a small shell process holds the read end of a pipe. When this process dies, however it dies, the pipe closes
 * and the shell ends the server and removes the directory. There are no signal or exit handlers here.
 *
 * Never listens on anything but 127.0.0.1, never uses a fixed port or directory, never keeps data.
 *
 * @see https://www.postgresql.org/docs/18/server-start.html
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../../errors/sluice-error.ts';
import { findPostgresBinaries, giveTo, type PostgresBinaries, serverAccount } from './postgres-binaries.ts';

/** What may differ from server to server. */
export interface EmbeddedPostgresOptions {
  /** Used if free; otherwise, or if absent, any free port. */
  readonly preferredPort?: number;
  /** Settings of postgresql.conf, on top of `BASE_SETTINGS`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Lines of pg_hba.conf, put before the one that asks everyone for SCRAM. */
  readonly hba?: readonly string[];
  /** Files (name → content) put into the data directory with mode 0600: certificates, keys. */
  readonly files?: Readonly<Record<string, string>>;
  /** A directory of the caller's that goes when the server goes: on `stop()`, and when this process dies. */
  readonly companionDir?: string;
  /** Where the server's programs are (a directory with `bin`), if not in the package that this project depends on. */
  readonly native?: string;
}

/** A running server. The one who started it stops it. */
export interface EmbeddedPostgres {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** The superuser. */
  readonly user: 'postgres';
  /** Its password: random, different for every start. */
  readonly password: string;
  /** Process id of the postmaster; another one after a restart. */
  readonly pid: number;
  /** The end of the server's log, at most 64 KiB. */
  logTail(): string;
  /**
   * Ends the server and starts it again, on the same port and data: in good order but without waiting for clients (SIGINT), at once
   * (SIGQUIT), or as a crash (SIGKILL).
   * @throws {SluiceError} upstream_unavailable if it does not come back
   */
  restart(signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL', whileDown?: () => Promise<void>): Promise<void>;
  /** Ends the server at once and removes its directory. Idempotent; resolves when both are gone. */
  stop(): Promise<void>;
}

/** Durability is off: this data lives as long as the process. `wal_level` is what the change stream needs. */
const BASE_SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  wal_level: 'logical',
  max_connections: '200',
  password_encryption: 'scram-sha-256',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  log_timezone: 'UTC',
  timezone: 'UTC',
};

const START_TIMEOUT_MS = 30_000;
const MAX_LOG_BYTES = 64 * 1024;
const MAX_ATTEMPTS = 5;
const MAX_RESTART_ATTEMPTS = 20;
const RESTART_PAUSE_MS = 250;

/** Ends process $1 and removes the directories $2, $3 once stdin ends without the word `released`. */
const WATCHDOG = `read -r word
[ "$word" = released ] && exit 0
kill -QUIT "$1" 2>/dev/null
n=0
while [ $n -lt 100 ] && kill -0 "$1" 2>/dev/null; do sleep 0.05; n=$((n+1)); done
kill -KILL "$1" 2>/dev/null
shift
rm -rf -- "$@"`;

/**
 * Creates a cluster and starts it.
 * @throws {SluiceError} upstream_unavailable with the end of the server's log
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions = {},
): Promise<EmbeddedPostgres> {
  const root = mkdtempSync(join(tmpdir(), 'sluice-pg-'));
  const directories = options.companionDir === undefined ? [root] : [root, options.companionDir];
  try {
    giveTo(serverAccount(), root);
    const binaries = findPostgresBinaries(root, options.native);
    const dataDir = join(root, 'data');
    const password = randomBytes(18).toString('base64url');
    await createCluster(binaries, root, dataDir, password);
    configure(binaries, dataDir, options);
    return await startOnFreePort(binaries, directories, dataDir, password, options.preferredPort);
  } catch (error) {
    await rm(root, { recursive: true, force: true });
    throw error;
  }
}

/** A TCP port of 127.0.0.1 that was free a moment ago: `preferred` if it is, else any. */
export async function freePort(preferred = 0): Promise<number> {
  const server = createServer();
  const listening = once(server, 'listening');
  server.listen({ host: '127.0.0.1', port: preferred, exclusive: true });
  try {
    await listening;
  } catch (error) {
    if (preferred === 0) throw error;
    return freePort();
  }
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new TypeError('not a TCP listener');
  return address.port;
}

async function createCluster(
  binaries: PostgresBinaries,
  root: string,
  dataDir: string,
  password: string,
): Promise<void> {
  const passwordFile = join(root, 'password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  giveTo(binaries.account, passwordFile);
  const initdb = spawn(
    binaries.initdb,
    [
      ...[`--pgdata=${dataDir}`, '--username=postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256'],
      ...['--encoding=UTF8', '--locale=C'],
      // The provider came with version 17.
      ...(binaries.majorVersion < 17 ? [] : ['--locale-provider=builtin', '--builtin-locale=C.UTF-8']),
      ...['--no-sync', '--no-instructions'],
    ],
    { cwd: root, stdio: ['ignore', 'ignore', 'pipe'], ...binaries.account },
  );
  const log = collectLog(initdb);
  const [code] = (await once(initdb, 'close')) as [number | null];
  await rm(passwordFile);
  if (code !== 0) throw startFailure(`initdb failed: ${log()}`);
}

function configure(binaries: PostgresBinaries, dataDir: string, options: EmbeddedPostgresOptions): void {
  const settings = { ...BASE_SETTINGS, ...options.settings };
  const conf = Object.entries(settings).map(
    ([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`,
  );
  const hba = [...(options.hba ?? []), 'host all all 127.0.0.1/32 scram-sha-256'];
  const files = {
    ...options.files,
    'postgresql.auto.conf': conf.join(''),
    'pg_hba.conf': `${hba.join('\n')}\nhost replication all 127.0.0.1/32 scram-sha-256\n`,
  };
  for (const [name, content] of Object.entries(files)) {
    const path = join(dataDir, name);
    writeFileSync(path, content, { mode: 0o600 });
    giveTo(binaries.account, path);
  }
}

/** Another process may take the port between the look and the start: then the next one is tried. */
async function startOnFreePort(
  binaries: PostgresBinaries,
  directories: readonly string[],
  dataDir: string,
  password: string,
  preferredPort?: number,
): Promise<EmbeddedPostgres> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort(attempt === 1 ? preferredPort : undefined);
    const start = (): Promise<Postmaster> => startPostmaster(binaries, directories, dataDir, port);
    try {
      return handle(start, await start(), directories, port, password);
    } catch (thrown) {
      if (attempt === MAX_ATTEMPTS || !/could not bind|Address already in use/i.test(String(thrown)))
        throw thrown;
    }
  }
}

interface Postmaster {
  readonly server: ChildProcess;
  readonly watchdog: ChildProcess;
  logTail(): string;
}

async function startPostmaster(
  binaries: PostgresBinaries,
  directories: readonly string[],
  dataDir: string,
  port: number,
): Promise<Postmaster> {
  const server = spawn(binaries.postgres, ['-D', dataDir, '-p', String(port)], {
    cwd: dataDir,
    // A process group of its own: Ctrl-C reaches this process, which then ends the server in good order.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    ...binaries.account,
  });
  const watchdog = watch(server, directories);
  const logTail = collectLog(server);
  if (await becomesReady(server, logTail)) return { server, watchdog, logTail };
  await endServer(server);
  await release(watchdog);
  throw startFailure(`PostgreSQL did not start: ${logTail()}`);
}

function handle(
  start: () => Promise<Postmaster>,
  started: Postmaster,
  directories: readonly string[],
  port: number,
  password: string,
): EmbeddedPostgres {
  let running = started;
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await endServer(running.server);
    await Promise.all(directories.map((directory) => rm(directory, { recursive: true, force: true })));
    await release(running.watchdog);
  };
  return {
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password,
    get pid() {
      return running.server.pid as number;
    },
    logTail: () => running.logTail(),
    restart: async (signal, whileDown) => {
      await endServer(running.server, signal);
      await release(running.watchdog);
      await whileDown?.();
      running = await startAgain(start);
    },
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** What a crash left behind holds its shared memory for a moment longer. */
async function startAgain(start: () => Promise<Postmaster>): Promise<Postmaster> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start();
    } catch (thrown) {
      if (attempt === MAX_RESTART_ATTEMPTS) throw thrown;
      await sleep(RESTART_PAUSE_MS);
    }
  }
}

/** Resolves true once the server accepts connections, false if it ends or takes too long. */
function becomesReady(server: ChildProcess, logTail: () => string): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), START_TIMEOUT_MS);
    const settle = (ready: boolean): void => {
      clearTimeout(timer);
      resolve(ready);
    };
    server.once('error', () => settle(false));
    server.once('exit', () => settle(false));
    server.stderr?.on('data', () => {
      // A standby (`standby.signal` among the files) accepts those that only read.
      if (/database system is ready to accept (read-only )?connections/.test(logTail())) settle(true);
    });
  });
}

function watch(server: ChildProcess, directories: readonly string[]): ChildProcess {
  const watchdog = spawn('/bin/sh', ['-c', WATCHDOG, 'sluice-watchdog', String(server.pid), ...directories], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watchdog.stdin?.on('error', () => undefined);
  return watchdog;
}

async function release(watchdog: ChildProcess): Promise<void> {
  if (watchdog.exitCode !== null || watchdog.signalCode !== null) return;
  const gone = once(watchdog, 'exit');
  watchdog.stdin?.end('released\n');
  await gone;
}

/** By default an immediate shutdown: the data is thrown away anyway. */
async function endServer(
  server: ChildProcess,
  signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL' = 'SIGQUIT',
): Promise<void> {
  if (server.pid === undefined || server.exitCode !== null || server.signalCode !== null) return;
  const gone = once(server, 'exit');
  server.kill(signal);
  const timer = setTimeout(() => server.kill('SIGKILL'), 5000);
  await gone;
  clearTimeout(timer);
}

/** Reads stderr for good, so that the pipe never fills, and keeps its end. */
function collectLog(child: ChildProcess): () => string {
  let tail = '';
  child.stderr?.setEncoding('utf8');
  child.stderr?.on('data', (chunk: string) => {
    tail = (tail + chunk).slice(-MAX_LOG_BYTES);
  });
  return () => tail;
}

function startFailure(message: string): SluiceError {
  return new SluiceError('upstream_unavailable', message.trim());
}
