/**
 * A server of the version under test, made for one run of one suite: nothing that a suite leaves behind reaches the next. Programs of the
 * database's own machine (dblink, postgres_fdw) reach it by a socket that only its account can open; over TCP it asks for SCRAM.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, createWriteStream, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../src/cli/demo/embedded-postgres.ts';
import { giveTo, type ServerAccount } from '../../src/cli/demo/postgres-binaries.ts';

export interface Cluster {
  readonly port: number;
  /** The superuser's. */
  readonly password: string;
  stop(): Promise<void>;
}

export const SUPERUSER = 'postgres';
const START_TIMEOUT_MS = 60_000;

/** As the driver's own temporary servers, but for what concerns the way in. Nothing here outlives a crash of the machine. */
const SETTINGS = `
listen_addresses = '127.0.0.1'
password_encryption = 'scram-sha-256'
fsync = off
max_prepared_transactions = 2
log_line_prefix = '%m %b[%p] %q%a '
`;
const HBA = 'local all all trust\nlocal replication all trust\nhost all all 127.0.0.1/32 scram-sha-256\n';

/**
 * @param directory an empty one; the caller removes it
 * @param account as whom the server runs, if not as this process
 */
export async function startCluster(
  binDirectory: string,
  directory: string,
  account: ServerAccount | undefined,
  settings: string,
): Promise<Cluster> {
  const data = join(directory, 'data');
  const sockets = join(directory, 'sockets');
  const password = randomBytes(18).toString('base64url');
  const passwordFile = join(directory, 'password');
  mkdirSync(sockets, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  giveTo(account, sockets);
  giveTo(account, passwordFile);
  const env = { PATH: process.env.PATH ?? '', HOME: directory, PGHOST: sockets, TZ: 'UTC' };
  const init = ['-D', data, '-U', SUPERUSER, '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  await run(join(binDirectory, 'initdb'), [...init, '-N', '--locale=C', '--encoding=UTF8'], {
    cwd: directory,
    env,
    ...account,
  });
  writeFileSync(join(data, 'pg_hba.conf'), HBA);
  appendFileSync(
    join(data, 'postgresql.conf'),
    `${SETTINGS}unix_socket_directories = '${sockets}'\n${settings}`,
  );
  const port = await freePort();
  const server = spawn(join(binDirectory, 'postgres'), ['-D', data, '-p', String(port)], {
    cwd: directory,
    env,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    ...account,
  });
  const onExit = (): boolean => server.kill('SIGQUIT');
  process.once('exit', onExit);
  await ready(server, join(directory, 'server.log'));
  return {
    port,
    password,
    stop: async () => {
      process.off('exit', onExit);
      if (server.exitCode !== null || server.signalCode !== null) return;
      const gone = once(server, 'exit');
      server.kill('SIGQUIT');
      await gone;
    },
  };
}

async function ready(server: ChildProcess, logFile: string): Promise<void> {
  server.stderr!.pipe(createWriteStream(logFile));
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`the server ${why}; see ${logFile}`));
    const timer = setTimeout(() => fail('did not start in time'), START_TIMEOUT_MS);
    let log = '';
    server.once('exit', () => fail('ended'));
    server.stderr!.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString('latin1')).slice(-4_096);
      if (!log.includes('ready to accept connections')) return;
      clearTimeout(timer);
      resolve();
    });
  });
}

async function run(program: string, args: readonly string[], options: object): Promise<void> {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${program} failed: ${errors}`);
}
