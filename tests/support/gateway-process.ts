/**
 * A real gateway in a process of its own, as an operator runs it: `sluice start` with a configuration in a temporary
 * directory. What it writes is kept, its ports are free ones, and it never outlives the process that started it.
 *
 * Knows nothing of vitest: the benchmarks use it, too.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { RawConfig, RawDatabase } from '../../src/config/raw-config.ts';

/** `sluice.yaml` without what is made here; passwords stand in the clear and end up in files. */
export interface GatewayConfig extends Omit<RawConfig, 'version' | 'dataDir' | 'listen' | 'databases'> {
  readonly databases: Readonly<Record<string, Omit<RawDatabase, 'password'> & { readonly password: string }>>;
}

export interface GatewayOptions {
  /** Which executable: src/cli/sluice.ts (the default, needs no build) or dist/cli/sluice.js. */
  readonly entry?: 'src' | 'dist';
  readonly env?: Readonly<Record<string, string>>;
}

/** What a command of the command line did. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface GatewayProcess {
  /** Of the wire protocol and of HTTP, on 127.0.0.1. They change with a restart. */
  readonly port: number;
  readonly httpPort: number;
  readonly pid: number;
  readonly directory: string;
  readonly configFile: string;
  readonly ledgerDir: string;
  /** The log, as far as it goes. */
  log(): string;
  /** Runs `sluice <args>` with this configuration. */
  cli(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<CommandResult>;
  /** A token for a principal, valid for an hour; the text itself. @throws Error with what the command said */
  token(principal: string, options?: { onBehalfOf?: string; purpose?: string }): Promise<string>;
  signal(signal: NodeJS.Signals): void;
  /** Ends the process (default SIGTERM) and waits for it. Idempotent. */
  end(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again, on the same data. */
  restart(): Promise<void>;
  /** Ends it and removes the directory. */
  remove(): Promise<void>;
}

const START_TIMEOUT_MS = 120_000;

/** Starts a gateway and resolves when it says that it is ready. @throws Error with its log */
export async function startGatewayProcess(
  config: GatewayConfig,
  options: GatewayOptions = {},
): Promise<GatewayProcess> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-gate-'));
  const configFile = join(directory, 'sluice.yaml');
  writeFileSync(configFile, configText(config, directory));
  const entry = options.entry === 'dist' ? '../../dist/cli/sluice.js' : '../../src/cli/sluice.ts';
  const command = [fileURLToPath(new URL(entry, import.meta.url)), '--config', configFile];
  const env = { ...process.env, ...options.env };

  let running = await start(command, env);
  const cli = (
    args: readonly string[],
    more: Readonly<Record<string, string>> = {},
  ): Promise<CommandResult> => run([...command, ...args], { ...env, ...more });
  return {
    get port() {
      return running.port;
    },
    get httpPort() {
      return running.httpPort;
    },
    get pid() {
      return running.child.pid as number;
    },
    directory,
    configFile,
    ledgerDir: join(directory, 'data', 'ledger'),
    log: () => running.log(),
    cli,
    token: async (principal, { onBehalfOf, purpose } = {}) => {
      const issued = await cli([
        ...['token', 'issue', principal, '--ttl', '1h'],
        ...(onBehalfOf === undefined ? [] : ['--on-behalf-of', onBehalfOf]),
        ...(purpose === undefined ? [] : ['--purpose', purpose]),
      ]);
      if (issued.code !== 0) throw new Error(`no token for ${principal}: ${issued.stderr}`);
      return issued.stdout.trim();
    },
    signal: (signal) => {
      running.child.kill(signal);
    },
    end: (signal) => end(running.child, signal),
    restart: async () => {
      await end(running.child);
      running = await start(command, env);
    },
    remove: async () => {
      await end(running.child);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function configText(config: GatewayConfig, directory: string): string {
  const databases = Object.entries(config.databases).map(([name, { password, ...database }]) => {
    writeFileSync(join(directory, `${name}.password`), password, { mode: 0o600 });
    return [name, { ...database, password: { file: `${name}.password` } }];
  });
  return stringify({
    version: 1,
    dataDir: './data',
    listen: { postgres: { port: 0 }, http: { port: 0 } },
    ...config,
    databases: Object.fromEntries(databases),
  });
}

interface Running {
  readonly child: ChildProcess;
  readonly port: number;
  readonly httpPort: number;
  log(): string;
}

async function start(command: readonly string[], env: NodeJS.ProcessEnv): Promise<Running> {
  const child = spawn(process.execPath, [...command, 'start'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  // A test run that dies must not leave gateways behind.
  const onExit = (): boolean => child.kill('SIGKILL');
  process.once('exit', onExit);
  child.once('exit', () => process.off('exit', onExit));
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-256 * 1024);
  });
  const { listeners } = await readyLine(child, () => log);
  return { child, port: portOf(listeners.postgres), httpPort: portOf(listeners.http), log: () => log };
}

interface ReadyEvent {
  readonly event: string;
  readonly listeners: { readonly postgres: string; readonly http: string };
}

function readyLine(child: ChildProcess, log: () => string): Promise<ReadyEvent> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`the gateway did not become ready: ${log()}`));
    }, START_TIMEOUT_MS);
    child.once('close', (code) => reject(new Error(`the gateway ended with ${code}: ${log()}`)));
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const event = JSON.parse(line) as ReadyEvent;
      if (event.event !== 'ready') return;
      clearTimeout(timer);
      resolve(event);
    });
  });
}

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));

async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

/** Runs a Node.js script to its end. */
function run(command: readonly string[], env: NodeJS.ProcessEnv): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, command, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
}
