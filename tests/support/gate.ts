/**
 * A whole gateway in the test's own process, in front of a real database, with a small shop in it: what end-to-end tests connect to.
 * Ports are free ones; the data directory is temporary.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import type { Config } from '../../src/config/config.ts';
import { loadConfig, SYSTEM_DEPS } from '../../src/config/load-config.ts';
import type { RawPostgresListener } from '../../src/config/raw-config.ts';
import type { LedgerFileSystem } from '../../src/ledger/file-system.ts';
import type { KeyWrapper } from '../../src/ledger/key-wrapper.ts';
import { readEntries } from '../../src/ledger/read-entries.ts';
import { SealOpener } from '../../src/ledger/seal-keys.ts';
import { openKeyWrapper } from '../../src/ledger/wrapper-key-file.ts';
import { type RunningGateway, startGateway } from '../../src/main.ts';
import type { LedgerEntry } from '../../src/model/ledger-entry.ts';
import type { ProvidedPostgres } from './global-setup.ts';
import { createDatabase, type TestDatabase } from './postgres.ts';

export const SHOP = `
  CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, email text UNIQUE, phone text, plan text NOT NULL DEFAULT 'free');
  INSERT INTO customers SELECT i, 'Customer ' || i, 'person' || i || '@secret.example', '+49 30 ' || (900000 + i),
    CASE WHEN i % 3 = 0 THEN 'pro' ELSE 'free' END FROM generate_series(1, 300) i;
  CREATE TABLE orders (id int PRIMARY KEY, customer_id int REFERENCES customers, status text NOT NULL, cents int NOT NULL);
  INSERT INTO orders SELECT i, 1 + i % 300, 'paid', i * 7 FROM generate_series(1, 1000) i;
  CREATE TABLE employees (id int PRIMARY KEY, name text NOT NULL, salary int NOT NULL);
  INSERT INTO employees SELECT i, 'Employee ' || i, 40000 + i * 137 FROM generate_series(1, 50) i;
  CREATE VIEW customer_emails AS SELECT id, email FROM customers;
  CREATE FUNCTION email_of(n int) RETURNS text LANGUAGE sql STABLE AS 'SELECT email FROM customers WHERE id = n';
`;

const PRINCIPALS = {
  alice: { kind: 'human', groups: ['dba'] },
  anna: { kind: 'human', groups: ['dba'] },
  bob: { kind: 'human', groups: ['support'] },
  app: { kind: 'service' },
  'report-bot': { kind: 'agent', groups: ['agents'], mayActFor: ['bob'] },
};

const SHOP_LABELS = {
  'public.customers': { email: 'email', phone: 'phone' },
  'public.employees': { salary: 'salary' },
};

export interface Gate {
  readonly database: TestDatabase;
  readonly gateway: RunningGateway;
  readonly dataDir: string;
  readonly port: number;
  readonly httpUrl: string;
  /** The text of a new token. */
  token(principal: string, onBehalfOf?: readonly string[], purpose?: string): Promise<string>;
  /** How a driver connects as this principal. */
  connection(principal: string, onBehalfOf?: readonly string[]): Promise<pg.ClientConfig>;
  /** A connected client. */
  client(principal: string, more?: pg.ClientConfig & { onBehalfOf?: readonly string[] }): Promise<pg.Client>;
  /** A call of the admin socket. */
  admin(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }>;
  /** A call of the HTTP API as this principal. */
  api(
    principal: string,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: { state?: string; [name: string]: unknown } }>;
  /** All entries written so far. */
  entries(): Promise<LedgerEntry[]>;
  stop(): Promise<void>;
}

export interface GateOptions {
  readonly environment?: string;
  /** Worker processes; by default the gate serves in the test's own process. */
  readonly workers?: number;
  /** Added to the configuration's end. */
  readonly yaml?: string;
  /** More of `listen.postgres`. */
  readonly listener?: RawPostgresListener;
  /** More of what the configuration says of a principal. */
  readonly principals?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** More groups. */
  readonly groups?: readonly string[];
  /** Files beside the configuration, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** SQL to run on the new database instead of `SHOP`. */
  readonly schema?: string;
  /** The database to copy instead of an empty one. */
  readonly template?: string;
  /** Labels of that schema's columns, by table, instead of those of `SHOP`. */
  readonly labels?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Another server than the run's. */
  readonly server?: Omit<ProvidedPostgres, 'database'>;
  /** Masks by label. */
  readonly masks?: Readonly<Record<string, string>>;
  /** What happens to columns that look personal and have no label. */
  readonly suspects?: 'report' | 'mask' | 'ignore';
  /** Whether cells without a label are looked at. */
  readonly scan?: 'off' | 'report' | 'stop';
  /** Where the gate finds the database's server, if not where it is. */
  readonly upstream?: { readonly host: string; readonly port: number };
  /** The ledger's file system, if it is to fail. */
  readonly fileSystem?: LedgerFileSystem;
}

/** Starts one. The caller stops it. */
export async function startGate(options: GateOptions = {}): Promise<Gate> {
  const database = await createDatabase('gate', options.server, options.template);
  await database.query(options.schema ?? SHOP);
  const directory = mkdtempSync(join(tmpdir(), 'sluice-gate-'));
  const file = join(directory, 'sluice.yaml');
  writeFileSync(file, configText(database, options));
  for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(join(directory, name), text);
  const readConfig = (): Config =>
    loadConfig(file, { ...SYSTEM_DEPS, env: { DATABASE_PASSWORD: database.connection.password } });
  const config = readConfig();
  const gateway = await startGateway(config, {
    log: pino({ level: 'fatal' }),
    version: 'test',
    readConfig,
    ...(options.fileSystem === undefined ? {} : { fileSystem: options.fileSystem }),
  });
  const port = Number(gateway.listeners.postgres.split(':').at(-1));
  const httpUrl = `http://${gateway.listeners.http}`;
  const clients: pg.Client[] = [];
  const admin: Gate['admin'] = (method, path, body) =>
    callSocket(gateway.listeners.admin, method, path, body);
  const issue: Gate['token'] = async (principal, onBehalfOf = [], purpose) => {
    const issued = await admin('POST', '/admin/tokens', {
      principal,
      onBehalfOf,
      ...(purpose === undefined ? {} : { purpose }),
    });
    return (issued.body as { text: string }).text;
  };
  // A principal can hold only so many tokens at once: connections share one.
  const kept = new Map<string, Promise<string>>();
  const shared: Gate['token'] = (principal, onBehalfOf = []) => {
    const key = [principal, ...onBehalfOf].join(' ');
    const token = kept.get(key) ?? issue(principal, onBehalfOf);
    kept.set(key, token);
    return token;
  };
  const connection: Gate['connection'] = async (principal, onBehalfOf) => ({
    host: '127.0.0.1',
    port,
    user: principal,
    database: 'shop',
    password: await shared(principal, onBehalfOf),
  });
  return {
    database,
    gateway,
    dataDir: config.dataDir,
    port,
    httpUrl,
    token: issue,
    connection,
    client: async (principal, { onBehalfOf, ...more } = {}) => {
      const client = new pg.Client({ ...(await connection(principal, onBehalfOf)), ...more });
      client.on('error', () => undefined);
      await client.connect();
      clients.push(client);
      return client;
    },
    admin,
    api: async (principal, method, path, body) => {
      const answer = await fetch(`${httpUrl}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${await shared(principal)}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      return { status: answer.status, body: text === '' ? {} : (JSON.parse(text) as { state?: string }) };
    },
    entries: () => collect(config.dataDir),
    stop: async () => {
      for (const client of clients) await client.end().catch(() => undefined);
      await gateway.close();
      await database.drop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function configText(database: TestDatabase, options: GateOptions): string {
  const { user, database: name } = database.connection;
  const all: Readonly<Record<string, object>> = { ...options.principals, ...PRINCIPALS };
  const principals = Object.entries(all).map(
    ([id, entry]) => `  ${id}: ${JSON.stringify({ ...entry, ...options.principals?.[id] })}`,
  );
  const { host, port } = options.upstream ?? database.connection;
  return `
version: 1
dataDir: ./data
workers: ${options.workers ?? 0}
listen:
  postgres: ${JSON.stringify({ host: '127.0.0.1', port: 0, ...options.listener })}
  http: { host: 127.0.0.1, port: 0 }
groups: ${JSON.stringify(['dba', 'support', 'agents', ...(options.groups ?? [])])}
principals:
${principals.join('\n')}
databases:
  shop:
    engine: postgres
    environment: ${options.environment ?? 'prod'}
    host: ${host}
    port: ${port}
    database: ${name}
    user: ${user}
    password: { env: DATABASE_PASSWORD }
    tls: { mode: disable }
    labels: ${JSON.stringify(options.labels ?? SHOP_LABELS)}
    suspects: ${options.suspects ?? 'report'}
    scan: ${options.scan ?? 'off'}
    masks: ${JSON.stringify(options.masks ?? {})}
${options.yaml ?? ''}`;
}

async function collect(dataDir: string): Promise<LedgerEntry[]> {
  // What nobody waits for is written within ten milliseconds.
  await new Promise((resolve) => setTimeout(resolve, 30));
  const entries: LedgerEntry[] = [];
  const wrapper = openKeyWrapper(dataDir, undefined, false) as KeyWrapper;
  const directory = join(dataDir, 'ledger');
  const opener = await SealOpener.open(directory, wrapper);
  for await (const entry of readEntries(directory, { opener })) entries.push(entry);
  return entries;
}

async function callSocket(socketPath: string, method: string, path: string, body: unknown) {
  const { request } = await import('node:http');
  return new Promise<{ status: number; body: unknown }>((resolve, reject) => {
    const call = request(
      { socketPath, method, path, headers: body === undefined ? {} : { 'content-type': 'application/json' } },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (part: string) => {
          text += part;
        });
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, body: text === '' ? undefined : JSON.parse(text) }),
        );
      },
    );
    call.on('error', reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
