/**
 * Connections to a database, as its client: hosts, TLS, authentication, start-up. What comes out is a backend that is ready for
 * queries.
 *
 * upstream-hosts.ts says whom to try, upstream-socket.ts connects and encrypts, upstream-startup.ts authenticates.
 */
import type { Socket } from 'node:net';
import type { TargetSessionAttrs, Upstream as UpstreamConfig } from '../../config/config.ts';
import { SluiceError } from '../../errors/sluice-error.ts';
import { encodeCancelRequest } from '../../wire/postgres/index.ts';
import type { FirstReading } from './session-reading.ts';
import { AddressBook, mismatch, orderHosts, passesOf } from './upstream-hosts.ts';
import {
  codeOf,
  type Encryption,
  encryptionsOf,
  HandshakeFailure,
  openSocket,
  secureSocket,
  type UpstreamAddress,
  type UpstreamSocket,
  unavailable,
} from './upstream-socket.ts';
import { type BackendGreeting, ServerRefusal, startBackend } from './upstream-startup.ts';

/** The server is starting up, shutting down or recovering: another one may serve (ERRCODE_CANNOT_CONNECT_NOW). */
const CANNOT_CONNECT_NOW = '57P03';

/** A backend that is ready for queries. The caller owns the socket, which is paused. */
export interface UpstreamConnection extends BackendGreeting {
  readonly socket: Socket;
  /** The very server, for cancel requests. */
  readonly address: UpstreamAddress;
  readonly encrypted: boolean;
  /** How it reads, if it has been asked. */
  readonly reading?: FirstReading;
}

/** One for all: it remembers names only. */
const addressBook = new AddressBook();

/**
 * Connects and authenticates, at the first of the hosts that will do.
 * @param parameters start-up parameters besides user and database
 * @param timeoutMs for each address
 * @throws {SluiceError} upstream_unavailable; with the server's own SQLSTATE and message if it refused the connection
 */
export async function connectUpstream(
  config: UpstreamConfig,
  parameters: ReadonlyMap<string, string>,
  timeoutMs: number,
): Promise<UpstreamConnection> {
  const failures: SluiceError[] = [];
  const hosts = orderHosts(config.hosts, config.loadBalanceHosts);
  for (const wanted of passesOf(config.targetSessionAttrs)) {
    for (const host of hosts) {
      try {
        const search = new Search(config, parameters, timeoutMs, wanted, failures);
        const found = await search.among(await addressBook.addressesOf(host));
        if (found !== undefined) return found;
      } catch (thrown) {
        if (!(thrown instanceof SluiceError)) throw asRefusal(thrown);
        failures.push(thrown);
      }
    }
  }
  throw failures.length === 1 ? failures[0] : unavailable(reasonsOf(failures));
}

/** Looks among the addresses of one host. */
class Search {
  readonly #config: UpstreamConfig;
  readonly #parameters: ReadonlyMap<string, string>;
  readonly #timeoutMs: number;
  readonly #wanted: TargetSessionAttrs;
  readonly #failures: SluiceError[];

  constructor(
    config: UpstreamConfig,
    parameters: ReadonlyMap<string, string>,
    timeoutMs: number,
    wanted: TargetSessionAttrs,
    failures: SluiceError[],
  ) {
    this.#config = config;
    this.#parameters = parameters;
    this.#timeoutMs = timeoutMs;
    this.#wanted = wanted;
    this.#failures = failures;
  }

  /** @throws {ServerRefusal} of a server that would refuse at every other address, too */
  async among(addresses: readonly UpstreamAddress[]): Promise<UpstreamConnection | undefined> {
    for (const address of addresses) {
      try {
        const connection = await this.#connect(address);
        const why = mismatch(this.#wanted, connection.parameters, this.#parameters);
        if (why === undefined) return connection;
        connection.socket.destroy();
        this.#failures.push(unavailable(why));
      } catch (thrown) {
        if (thrown instanceof ServerRefusal && thrown.sqlstate !== CANNOT_CONNECT_NOW) throw thrown;
        this.#failures.push(asRefusal(thrown));
      }
    }
    return undefined;
  }

  /** With or without TLS, in the order that the mode has. */
  async #connect(address: UpstreamAddress): Promise<UpstreamConnection> {
    const encryptions = encryptionsOf(this.#config.tls, address);
    let failure: unknown;
    for (const encryption of encryptions) {
      try {
        return await this.#connectAs(address, encryption);
      } catch (thrown) {
        failure ??= thrown;
        if (!mayTryOtherwise(thrown)) break;
      }
    }
    throw failure;
  }

  #connectAs(address: UpstreamAddress, encryption: Encryption): Promise<UpstreamConnection> {
    return withDeadline(this.#config, address, encryption, this.#timeoutMs, async (connection) => {
      const greeting = await startBackend(connection, this.#config, address, this.#parameters);
      const { socket, encrypted } = connection;
      return { ...greeting, socket, address, encrypted };
    });
  }
}

/** A server may take a client with TLS only, or without (pg_hba.conf); and its TLS may be of no use to us. */
function mayTryOtherwise(thrown: unknown): boolean {
  if (thrown instanceof ServerRefusal) return thrown.sqlstate.startsWith('28');
  return thrown instanceof HandshakeFailure;
}

/** Asks the server to cancel what a backend runs. Best effort, as the protocol has it; never throws. */
export async function cancelUpstream(
  config: UpstreamConfig,
  { key, address, encrypted }: Pick<UpstreamConnection, 'key' | 'address' | 'encrypted'>,
  timeoutMs: number,
): Promise<void> {
  if (key === undefined) return;
  try {
    await withDeadline(config, address, encrypted ? 'always' : 'none', timeoutMs, async ({ socket }) => {
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.end(encodeCancelRequest(key.processId, key.secret));
      socket.resume();
      // The server closes once it has passed the request on.
      await closed;
    });
  } catch {
    // The session sees that its statement goes on.
  }
}

/** Works on a new connection; if that fails or takes too long, its socket is gone. */
async function withDeadline<T>(
  config: UpstreamConfig,
  address: UpstreamAddress,
  encryption: Encryption,
  timeoutMs: number,
  work: (connection: UpstreamSocket) => Promise<T>,
): Promise<T> {
  const plain = openSocket(config, address);
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(unavailable('timed out')), timeoutMs);
  });
  try {
    return await Promise.race([secureSocket(plain, config, address, encryption).then(work), deadline]);
  } catch (thrown) {
    plain.destroy();
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
}

function asRefusal(thrown: unknown): SluiceError {
  if (thrown instanceof ServerRefusal) return thrown.toError();
  if (thrown instanceof HandshakeFailure) return thrown.error;
  return thrown instanceof SluiceError ? thrown : unavailable(codeOf(thrown));
}

/** Each once, in the order they came up. */
function reasonsOf(failures: readonly SluiceError[]): string {
  const prefix = unavailable('').message;
  return [...new Set(failures.map(({ message }) => message.replace(prefix, '')))].join('; ');
}
