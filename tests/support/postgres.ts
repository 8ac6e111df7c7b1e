/**
 * A database of one's own on the run's PostgreSQL: each test file makes one, and none sees another's objects. Roles are
 * the server's and shared by all files: name them after the database.
 */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import type { ProvidedPostgres } from './global-setup.ts';

/** A database that exists until `drop()`. */
export interface TestDatabase {
  readonly name: string;
  /** The superuser's `postgres://…` URL. */
  readonly url: string;
  /** The same, in parts, for whoever needs them. */
  readonly connection: ProvidedPostgres;
  /** A new connected superuser client; ended by `drop()` at the latest. */
  client(options?: pg.ClientConfig): Promise<pg.Client>;
  /** One statement (or several, without parameters) on a connection of its own. */
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(
    sql: string,
    parameters?: readonly unknown[],
  ): Promise<pg.QueryResult<Row>>;
  /** Ends the clients and removes the database, with whoever is still connected. Idempotent. */
  drop(): Promise<void>;
}

/**
 * Creates a database named `<prefix>_<random>`, on the run's server or another: empty, or a copy of one that nobody is connected
 * to, OIDs included.
 */
export async function createDatabase(
  prefix = 'test',
  server: Omit<ProvidedPostgres, 'database'> = inject('postgres'),
  template = 'template0',
): Promise<TestDatabase> {
  const name = `${prefix}_${randomBytes(5).toString('hex')}`;
  await administer(server, `CREATE DATABASE "${name}" TEMPLATE "${template}"`);
  const { host, port, user, password } = server;
  const connection = { host, port, user, password, database: name };
  const clients = new Set<pg.Client>();
  const client = async (options: pg.ClientConfig = {}): Promise<pg.Client> => {
    const opened = await connect({ ...connection, ...options });
    clients.add(opened);
    return opened;
  };
  return {
    name,
    url: databaseUrl(connection),
    connection,
    client,
    query: (sql, parameters) => once(connection, sql, parameters),
    drop: async () => {
      await Promise.all([...clients].map((opened) => opened.end().catch(() => undefined)));
      clients.clear();
      await administer(server, `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
    },
  };
}

/** `postgres://user:password@host:port/database`, each part escaped. */
export function databaseUrl(to: ProvidedPostgres): string {
  const [user, password, database] = [to.user, to.password, to.database].map(encodeURIComponent);
  return `postgres://${user}:${password}@${to.host}:${to.port}/${database}`;
}

async function connect(config: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client(config);
  // A client that a test, or DROP … WITH (FORCE), cuts off would otherwise end the whole worker.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function once<Row extends pg.QueryResultRow>(
  to: ProvidedPostgres,
  sql: string,
  parameters?: readonly unknown[],
): Promise<pg.QueryResult<Row>> {
  const client = await connect(to);
  try {
    return await client.query<Row>(sql, parameters === undefined ? undefined : [...parameters]);
  } finally {
    await client.end();
  }
}

async function administer(server: Omit<ProvidedPostgres, 'database'>, sql: string): Promise<void> {
  await once({ ...server, database: 'postgres' }, sql);
}
