/** Starts PgBouncer with session pooling in front of a server, as Debian ships it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../src/cli/demo/embedded-postgres.ts';
import { giveTo, serverAccount } from '../src/cli/demo/postgres-binaries.ts';
import type { BenchTarget } from './pgbench.ts';

export interface RunningPeer {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** @throws Error if it is not installed or does not accept connections within 5 s */
export async function startPgbouncer(upstream: BenchTarget): Promise<RunningPeer> {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bouncer-'));
  const account = serverAccount();
  giveTo(account, directory);
  for (const [name, text] of Object.entries({
    'users.txt': users(upstream),
    'bouncer.ini': ini(upstream, port),
  })) {
    const path = join(directory, name);
    writeFileSync(path, text, { mode: 0o600 });
    giveTo(account, path);
  }
  const child = spawn('pgbouncer', ['-q', 'bouncer.ini'], { cwd: directory, stdio: 'ignore', ...account });
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`pgbouncer ended (${code})`)));
  });
  failed.catch(() => undefined);
  await Promise.race([accepts(port), failed]);
  return {
    port,
    pid: child.pid as number,
    stop: async () => {
      await end(child);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Ends a child process with SIGTERM, after 5 s with SIGKILL. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
  await gone;
  clearTimeout(timer);
}

async function accepts(port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port }, () => resolve(true));
      socket.on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (open) return;
    await sleep(50);
  }
  throw new Error(`nothing listens on port ${port}`);
}

const users = (upstream: BenchTarget): string => `"${upstream.user}" "${upstream.password}"\n`;

const ini = (upstream: BenchTarget, port: number): string => `[databases]
${upstream.database} = host=127.0.0.1 port=${upstream.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = users.txt
pool_mode = session
max_client_conn = 200
default_pool_size = 100
log_connections = 0
log_disconnections = 0
ignore_startup_parameters = extra_float_digits
`;
