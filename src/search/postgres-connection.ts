/**
 * One connection to the database that holds an index. Whatever goes wrong is `store_unavailable` and says nothing secret; a connection that
 * failed is of no use any more. Bounded in time and in what it takes in: whoever answers is not trusted to stop.
 */
import { Socket } from 'node:net';
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';
import type pg from 'pg';
import { SluiceError } from '../errors/sluice-error.ts';

/** Plain data: it crosses threads. */
export interface PostgresIndexConfig {
  /** A name, an address, or the absolute directory of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password?: string;
  readonly schema: string;
  readonly tls: PostgresIndexTls;
}

export interface PostgresIndexTls {
  /** `require` does not verify the certificate; `verify-ca` verifies the chain, `verify-full` the name too. */
  readonly mode: 'disable' | 'require' | 'verify-ca' | 'verify-full';
  /** PEM, all three. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export type Row = Readonly<Record<string, unknown>>;

const CONNECT_TIMEOUT_MS = 5000;
/** The server ends a question first; the connection is given up if it does not. */
const STATEMENT_TIMEOUT_MS = 30_000;
const ANSWER_TIMEOUT_MS = 35_000;
const CLOSE_TIMEOUT_MS = 1000;
/** Of one answer. */
const MAX_ANSWER_BYTES = 128 * 1024 * 1024;
const WATCH_MS = 250;
const BIGINT = 20;

/** Names nobody else's function or table: not even an operator. Nothing here has to outlive a crash of the server: it is made anew. */
const SETTINGS = `
  SET search_path = pg_catalog;
  SET statement_timeout = ${STATEMENT_TIMEOUT_MS};
  SET lock_timeout = ${STATEMENT_TIMEOUT_MS - 5000};
  SET idle_in_transaction_session_timeout = ${2 * STATEMENT_TIMEOUT_MS};
  SET synchronous_commit = off;
`;

export class IndexConnection {
  readonly #client: pg.Client;
  readonly #socket: Socket;
  readonly #names = new Map<string, string>();

  private constructor(client: pg.Client, socket: Socket) {
    this.#client = client;
    this.#socket = socket;
  }

  /** @throws {SluiceError} store_unavailable */
  static async open(config: PostgresIndexConfig): Promise<IndexConnection> {
    const { host, port, database, user, password = '', tls } = config;
    // Only where it is configured: it takes its time to load.
    const { Client, types } = (await import('pg')).default;
    const socket = new Socket();
    const client = new Client({
      ...{ host, port, database, user, application_name: 'sluice index' },
      // Never undefined: it would be looked for in the environment and in ~/.pgpass.
      password,
      ssl: tlsOptions(tls, host),
      stream: () => socket,
      keepAlive: true,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: ANSWER_TIMEOUT_MS,
      // Places, times and counts are safe integers.
      types: {
        getTypeParser: (oid: number, format?: unknown) =>
          oid === BIGINT ? Number : types.getTypeParser(oid, format as 'text'),
      },
    });
    // What breaks between two questions shows with the next one.
    client.on('error', () => {});
    const connection = new IndexConnection(client, socket);
    try {
      await client.connect();
      await connection.script(SETTINGS);
      return connection;
    } catch (cause) {
      await connection.close();
      throw failure(cause);
    }
  }

  /** @throws {SluiceError} store_unavailable */
  async rows(sql: string, ...parameters: readonly unknown[]): Promise<readonly Row[]> {
    return (await this.#watched(() => this.#client.query<Row>(this.#prepared(sql, parameters)))).rows;
  }

  /** @returns how many rows were touched. Throws as `rows` does. */
  async run(sql: string, ...parameters: readonly unknown[]): Promise<number> {
    return (await this.#watched(() => this.#client.query(this.#prepared(sql, parameters)))).rowCount ?? 0;
  }

  /** Several statements; what the last one gave. Throws as `rows` does. */
  async script(sql: string): Promise<readonly Row[]> {
    const results: pg.QueryResult<Row> | pg.QueryResult<Row>[] = await this.#watched(() =>
      this.#client.query<Row>(sql),
    );
    return (Array.isArray(results) ? results.at(-1) : results)?.rows ?? [];
  }

  /** All of it, or nothing: what fails is undone when the connection is closed. Throws as `rows` does, and what `work` throws. */
  async together(work: () => Promise<void>): Promise<void> {
    await this.script('BEGIN');
    await work();
    await this.script('COMMIT');
  }

  /** Never rejects, and never takes long. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT_MS);
    await this.#client.end().catch(() => {});
    clearTimeout(timer);
    this.#socket.destroy();
  }

  #prepared(text: string, values: readonly unknown[]): pg.QueryConfig {
    let name = this.#names.get(text);
    if (name === undefined) {
      name = `s${this.#names.size}`;
      this.#names.set(text, name);
    }
    return { name, text, values: [...values] };
  }

  async #watched<T>(ask: () => Promise<T>): Promise<T> {
    const before = this.#socket.bytesRead;
    const watch = setInterval(() => {
      if (this.#socket.bytesRead - before > MAX_ANSWER_BYTES)
        this.#socket.destroy(new Error('the answer is too long'));
    }, WATCH_MS);
    try {
      return await ask();
    } catch (cause) {
      throw failure(cause);
    } finally {
      clearInterval(watch);
    }
  }
}

/** The SQLSTATE, or the code of the system, that made it fail. */
export function codeOf(cause: unknown): string | undefined {
  const { code, cause: inner } = cause as { readonly code?: unknown; readonly cause?: unknown };
  if (inner !== undefined && inner !== null) return codeOf(inner);
  return typeof code === 'string' ? code : undefined;
}

function failure(cause: unknown): SluiceError {
  if (cause instanceof SluiceError) return cause;
  const { code, message = '' } = cause as { readonly code?: string; readonly message?: string };
  const said = message.replace(/\p{C}+/gu, ' ').slice(0, 300);
  return new SluiceError('store_unavailable', 'the database of the index cannot be used', {
    detail: code === undefined ? said : `${said} (${code})`,
    cause,
  });
}

function tlsOptions({ mode, ca, cert, key }: PostgresIndexTls, host: string): ConnectionOptions | false {
  if (mode === 'disable') return false;
  return {
    rejectUnauthorized: mode !== 'require',
    // By itself, it would look for the name `localhost` where the host is an address.
    checkServerIdentity: (_name, certificate) =>
      mode === 'verify-full' ? checkServerIdentity(host, certificate) : undefined,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}
