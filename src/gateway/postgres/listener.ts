/**
 * The door for PostgreSQL clients: accepts connections, bounds their number and their start-up, and hands authenticated ones to
 * `Connection`. A client that says nothing, says too much or says it too slowly costs one socket and no more.
 */
import type { Socket } from 'node:net';
import type { BudgetSession } from '../../budgets/account.ts';
import type { LeaseDesk } from '../../budgets/lease-desk.ts';
import { SessionBudgets } from '../../budgets/session-budgets.ts';
import type { Limits, ServedConfig } from '../../config/config.ts';
import { asSluiceError, SluiceError } from '../../errors/sluice-error.ts';
import { actorAlone } from '../../identity/actor-chain.ts';
import type { Throttle } from '../../identity/auth-throttle.ts';
import type { TokenAuthority } from '../../identity/token-authority.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { SessionInfo, SessionStatus } from '../../model/session.ts';
import type { PolicyEngine } from '../../policy/engine.ts';
import type { DeviationRegistry } from '../../session/deviation-registry.ts';
import type { PipelineMetrics } from '../../session/metrics.ts';
import type { TaintRegistry } from '../../session/taint-registry.ts';
import { Backends } from './backends.ts';
import { CancelRegistry } from './cancel-registry.ts';
import { type AuthenticatedClient, StartupFailure, startUp, wrongToken } from './client-startup.ts';
import type { ClientTls } from './client-tls.ts';
import { Connection, refuseClient } from './connection.ts';
import { type ConnectionSlots, slotRefused } from './connection-slots.ts';
import type { DatabaseService } from './database-service.ts';
import { SendQueue } from './send-queue.ts';
import { endSocket } from './socket-end.ts';
import { holdModeOf, startupSettings } from './startup-settings.ts';

/** How often sessions are asked whether their time is up: one timer for all of them. */
const SWEEP_MS = 1_000;
/** How long sessions that were told to end may take for it. */
const ENDING_MS = 2_000;

export interface GatewayOptions {
  readonly config: ServedConfig;
  readonly ledger: Ledger;
  readonly policy: () => PolicyEngine;
  readonly tokens: Pick<TokenAuthority, 'challenge' | 'candidates' | 'actorOfToken' | 'watchToken'>;
  readonly throttle: Throttle;
  readonly services: ReadonlyMap<string, DatabaseService>;
  readonly metrics: PipelineMetrics;
  readonly slots: ConnectionSlots;
  readonly taints: TaintRegistry;
  readonly deviations: DeviationRegistry;
  readonly budgets: LeaseDesk;
  /** What clients are offered; undefined where the configuration says `disable`. */
  readonly tls: ClientTls | undefined;
  readonly newSessionId: () => string;
  /** Passes a cancel request on to the other processes that serve this port, if there are any. Must not reject. */
  readonly cancelElsewhere?: (processId: number, secret: Buffer) => Promise<void>;
  readonly now: () => number;
  /** Told of what no client can be told. */
  readonly onError: (message: string, error: unknown) => void;
}

/** What connections need of the gate around them. */
export interface GatewayContext {
  readonly ledger: Ledger;
  readonly policy: () => PolicyEngine;
  readonly metrics: PipelineMetrics;
  readonly limits: Limits;
  readonly cancels: CancelRegistry;
  readonly sendQueue: SendQueue;
  readonly taints: TaintRegistry;
  readonly deviations: DeviationRegistry;
  /** What a session may use; undefined if no budget applies. @throws {SluiceError} */
  readonly openBudgets: (session: BudgetSession) => Promise<SessionBudgets | undefined>;
  readonly now: () => number;
  readonly watchToken: (
    tokenId: string | undefined,
    onEnd: (why: 'revoked' | 'expired') => void,
  ) => () => void;
}

export class PostgresListener {
  readonly #o: GatewayOptions;
  readonly #context: GatewayContext;
  readonly #backends: ReadonlyMap<string, Backends>;
  readonly #connections = new Set<Connection>();
  /** Not yet authenticated; the oldest first. */
  readonly #starting = new Set<Socket>();
  /** Authenticated, their session being opened. */
  readonly #opening = new Set<Socket>();
  readonly #sweep: NodeJS.Timeout;
  #tls: ClientTls | undefined;
  #draining = false;

  constructor(options: GatewayOptions) {
    this.#o = options;
    this.#tls = options.tls;
    const { upstreamConnectTimeoutMs } = options.config.limits;
    const budgets = [...options.config.budgets.values()];
    this.#backends = new Map(
      [...options.services].map(([name, service]) => [
        name,
        new Backends(service.config.upstream, upstreamConnectTimeoutMs, () => service.catalog.schemas),
      ]),
    );
    this.#sweep = setInterval(() => {
      for (const connection of this.#connections) connection.checkTime();
    }, SWEEP_MS);
    this.#sweep.unref();
    this.#context = {
      ledger: options.ledger,
      policy: options.policy,
      metrics: options.metrics,
      limits: options.config.limits,
      cancels: new CancelRegistry(),
      sendQueue: new SendQueue(options.ledger),
      taints: options.taints,
      deviations: options.deviations,
      openBudgets: (session) => SessionBudgets.open(budgets, options.budgets, session),
      now: options.now,
      watchToken: (tokenId, onEnd) =>
        tokenId === undefined ? () => {} : options.tokens.watchToken(tokenId, onEnd),
    };
  }

  /** Sessions open now. */
  sessions(): SessionStatus[] {
    return [...this.#connections].map((connection) => connection.status());
  }

  /** Ends a session and tells its client why; false if there is none of that id. */
  endSession(id: string, error: SluiceError): boolean {
    const connection = this.connectionOf(id);
    connection?.end(error);
    return connection !== undefined;
  }

  /** The connection of a session, if it is here. */
  connectionOf(id: string): Connection | undefined {
    for (const connection of this.#connections) if (connection.info.id === id) return connection;
    return undefined;
  }

  /** Cancels what the session with this key does; false if none here has it. */
  cancel(processId: number, secret: Uint8Array): boolean {
    return this.#context.cancels.cancel(processId, secret);
  }

  /** Accepts nobody more, lets sessions finish what is under way, ends what is left after `timeoutMs`, and resolves when all are closed. */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    clearInterval(this.#sweep);
    for (const backends of this.#backends.values()) backends.close();
    for (const socket of [...this.#starting, ...this.#opening]) socket.destroy();
    for (const connection of this.#connections) connection.drain();
    if (await this.#allClosed(timeoutMs)) return;
    for (const connection of this.#connections)
      connection.end(new SluiceError('shutting_down', 'the gateway is shutting down'));
    if (await this.#allClosed(ENDING_MS)) return;
    for (const connection of this.#connections) connection.destroy();
    await this.#allClosed(ENDING_MS);
  }

  /** Ends everything at once; nobody is told. */
  destroyAll(): void {
    this.#draining = true;
    for (const socket of [...this.#starting, ...this.#opening]) socket.destroy();
    for (const connection of this.#connections) connection.destroy();
  }

  /** Waits until no connection is left; false if that takes too long. */
  async #allClosed(timeoutMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), timeoutMs);
    });
    const closed = Promise.all([...this.#connections].map((connection) => connection.closed));
    const done = await Promise.race([closed.then(() => true), late]);
    clearTimeout(timer);
    return done;
  }

  /** After a change of policies: ends the sessions of those who may not connect any more. */
  recheckConnections(): void {
    for (const connection of this.#connections) connection.recheck();
  }

  /** Other certificates from now on. Sessions whose own certificate a new list revokes end. */
  renewTls(tls: ClientTls | undefined): void {
    this.#tls = tls;
    for (const connection of this.#connections) {
      const { certificate } = connection;
      if (certificate !== undefined && tls?.revokes(certificate) !== false)
        connection.endForCertificate('revoked');
    }
  }

  /** Takes a new connection, paused and half-open. */
  accept(socket: Socket): void {
    socket.on('error', () => {});
    if (this.#draining) {
      refuseClient(socket, new SluiceError('shutting_down', 'the gateway is shutting down'));
      return;
    }
    this.#makeRoom();
    this.#starting.add(socket);
    const address = addressOf(socket);
    const timer = setTimeout(() => socket.destroy(), this.#o.config.limits.startupTimeoutMs);
    const onAuthenticated = (): void => {
      clearTimeout(timer);
      this.#starting.delete(socket);
      this.#opening.add(socket);
    };
    this.#greet(socket, address, onAuthenticated)
      .catch((thrown) => {
        if (!this.#refuse(thrown, address)) socket.destroy();
      })
      .finally(() => {
        clearTimeout(timer);
        this.#starting.delete(socket);
        this.#opening.delete(socket);
      });
  }

  async #greet(socket: Socket, address: ClientAddress, onAuthenticated: () => void): Promise<void> {
    const { config, tokens, throttle } = this.#o;
    const { mode } = config.listen.postgres.tls;
    const client = await startUp(socket, {
      local: address.local,
      tlsMode: mode,
      tls: this.#tls,
      certificates: this.#tls?.certificates,
      tokens,
      delay: (user) => sleep(throttle.delayMs(throttleKey(address, user), user)),
    });
    if (client === undefined) return;
    if (client.kind === 'cancel') {
      if (!this.cancel(client.processId, client.secret))
        await this.#o.cancelElsewhere?.(client.processId, client.secret);
      endSocket(client.socket);
      return;
    }
    try {
      await this.#openSession(client, address, onAuthenticated);
    } catch (thrown) {
      throw new StartupFailure(asSluiceError(thrown), client.startup, client.socket);
    }
  }

  async #openSession(
    client: AuthenticatedClient,
    address: ClientAddress,
    onAuthenticated: () => void,
  ): Promise<void> {
    const { tokens, throttle, services, config } = this.#o;
    const user = client.startup.parameters.get('user')!;
    const { tokenId, certificate } = client.credential;
    const actor =
      tokenId === undefined ? actorAlone(user, config.principals) : await tokens.actorOfToken(tokenId);
    if (actor === undefined) throw wrongToken(user);
    throttle.succeeded(user);
    onAuthenticated();
    this.#o.metrics.authentications.inc({ result: 'ok' });
    const database = client.startup.parameters.get('database') || user;
    const service = services.get(database);
    if (service === undefined) {
      throw new SluiceError('unknown_database', `database "${database}" does not exist`, {
        hint: 'The name is the one in sluice.yaml, not the server’s.',
      });
    }
    const settings = startupSettings(client.startup.parameters);
    const info: SessionInfo = {
      id: this.#o.newSessionId(),
      actor,
      database: service.config,
      holdMode: holdModeOf(settings, config.approvals.holdMode),
      clientAddress: address.text,
      applicationName: (settings.get('application_name') ?? '').slice(0, 64),
      tls: client.encrypted,
      ...(certificate === undefined
        ? {}
        : { certificate: { fingerprint: certificate.fingerprint, subject: certificate.subject } }),
      startedAt: this.#o.now(),
    };
    const slot = await this.#o.slots.acquire(actor.principal.id, database, info.id);
    if (typeof slot === 'string') throw slotRefused(slot, actor.principal.id, database);
    try {
      const connection = await Connection.open({
        ...{ context: this.#context, service, client, info, settings },
        backends: this.#backends.get(database)!,
      });
      this.#connections.add(connection);
      connection.closed.then(() => {
        this.#connections.delete(connection);
        slot();
      });
      if (this.#draining) connection.drain();
    } catch (thrown) {
      slot();
      throw thrown;
    }
  }

  /**
   * Clients that have not proved who they are crowd out each other, the oldest first, and nobody else: whoever finishes quickly gets
   * in, however many never do.
   */
  #makeRoom(): void {
    if (this.#starting.size < this.#o.config.limits.maxConnections) return;
    for (const oldest of this.#starting) {
      this.#starting.delete(oldest);
      oldest.destroy();
      return;
    }
  }

  /** Records it and tells the client; false if there is nobody to tell. */
  #refuse(thrown: unknown, address: ClientAddress): boolean {
    if (!(thrown instanceof StartupFailure)) {
      this.#o.onError('a connection failed', thrown);
      return false;
    }
    const { error, user, database, socket } = thrown;
    if (error.code === 'internal') this.#o.onError('a connection failed', error.cause);
    if (user !== undefined) this.#record(error, user, database ?? user, address);
    if (socket !== undefined) refuseClient(socket, error);
    return socket !== undefined;
  }

  /** A refused start-up is recorded with what it claimed to be. */
  #record(error: SluiceError, user: string, database: string, address: ClientAddress): void {
    this.#o.metrics.errors.inc({ class: error.sqlstate.slice(0, 2) });
    if (error.code === 'authentication_failed') {
      this.#o.throttle.failed(throttleKey(address, user), user);
      this.#o.metrics.authentications.inc({ result: 'failed' });
    }
    try {
      this.#o.ledger.append({
        kind: 'authentication-failed',
        user: user.slice(0, 128),
        database: database.slice(0, 128),
        client: address.text,
        code: error.code,
      });
    } catch {
      // The client is refused all the same, and the ledger reports its own failure.
    }
  }
}

interface ClientAddress {
  /** Over a Unix socket. */
  readonly local: boolean;
  readonly ip: string;
  readonly text: string;
}

function addressOf({ remoteAddress: ip, remotePort: port, localAddress }: Socket): ClientAddress {
  if (ip === undefined) return { local: localAddress === undefined, ip: 'unix', text: 'unix' };
  return { local: false, ip, text: `${ip.includes(':') ? `[${ip}]` : ip}:${port}` };
}

/** Who fails on this machine must not slow down everybody on it. */
function throttleKey({ local, ip }: ClientAddress, user: string): string {
  return local ? `unix ${user}` : ip;
}

function sleep(ms: number): Promise<void> {
  return ms <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}
