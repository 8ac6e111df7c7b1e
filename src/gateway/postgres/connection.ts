/**
 * One client's connection from authentication to its end: who it is, its backend, the two relays between them, and who
 * learns what when either side goes away.
 *
 *   client ──▶ RequestRelay ──▶ database          what was asked: planned, decided, recorded, rewritten
 *   client ◀── ResponseRelay ◀── database         what came of it: passed on, counted, recorded
 */
import type { Socket } from 'node:net';
import { asSluiceError, SluiceError } from '../../errors/sluice-error.ts';
import type { ClientCertificate } from '../../identity/client-certificate.ts';
import type { SessionInfo, SessionStatus } from '../../model/session.ts';
import { Session } from '../../session/session.ts';
import { encodeBackendMessage, encodeFrontendMessage } from '../../wire/postgres/index.ts';
import type { Backends } from './backends.ts';
import type { CancelKey } from './cancel-registry.ts';
import { ClientSender } from './client-sender.ts';
import type { AuthenticatedClient } from './client-startup.ts';
import { connectDenial, planSettings, recordSettings } from './connect-decision.ts';
import type { DatabaseService } from './database-service.ts';
import type { GatewayContext } from './listener.ts';
import { errorFrame } from './refusals.ts';
import { RequestRelay } from './request-relay.ts';
import { ResponseRelay } from './response-relay.ts';
import { openScan } from './result-scan.ts';
import { SessionLabels } from './session-labels.ts';
import { SessionObjects } from './session-objects.ts';
import { SessionPlanner } from './session-planner.ts';
import type { SessionBackend } from './session-reading.ts';
import { statusOf } from './session-status.ts';
import { endSocket } from './socket-end.ts';
import type { UpstreamConnection } from './upstream.ts';

const TERMINATE = encodeFrontendMessage({ type: 'Terminate' });
/** How long a backend may still finish what a vanished client had asked, so that its outcome is recorded. */
const LINGER_MS = 60_000;
/** How much it may send to a client that is gone. */
const MAX_UNREAD_BYTES = 1_048_576;

export interface ConnectionOptions {
  readonly context: GatewayContext;
  readonly service: DatabaseService;
  readonly backends: Backends;
  readonly client: AuthenticatedClient;
  readonly info: SessionInfo;
  /** Settings of the start-up message. */
  readonly settings: ReadonlyMap<string, string>;
}

export class Connection {
  readonly info: SessionInfo;
  readonly #o: ConnectionOptions;
  readonly #session: Session;
  /** Without its greeting, which is said once. */
  readonly #upstream: Omit<UpstreamConnection, 'greetings' | 'parameters'>;
  readonly #sender: ClientSender;
  readonly #responses: ResponseRelay;
  readonly #requests: RequestRelay;
  readonly #key: CancelKey;
  /** The client has nothing more to ask; what it asked is still answered. */
  #left = false;
  #clientGone = false;
  #ending = false;
  #cancelling = false;
  #unreadBytes = 0;
  #draining = false;
  /** `performance.now()` when the client was last told that it may go on. */
  #readySince = performance.now();
  #released = false;
  #closed: () => void = () => {};
  /** Resolves when both sides are closed and everything is recorded. */
  readonly closed: Promise<void>;

  /**
   * Decides whether the principal may connect, opens its backend and greets it.
   * @throws {SluiceError} connect_denied, upstream_unavailable, ledger_*; nothing was sent to the client then
   */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const { context, service, client, info } = options;
    const denial = connectDenial(context, service, info);
    if (denial !== undefined) throw denial;
    await service.open();
    try {
      const settings = await planSettings(service, info, options.settings);
      const upstream = await options.backends.open(forwardedParameters(client));
      const session = await openSession(options).catch((thrown) => {
        upstream.socket.destroy();
        throw thrown;
      });
      let opened: number;
      try {
        opened = session.open(context.taints);
        if (settings !== undefined) await recordSettings(session, settings);
      } catch (thrown) {
        upstream.socket.destroy();
        session.budgets?.close();
        throw thrown;
      }
      return new Connection(options, session, upstream, opened);
    } catch (thrown) {
      service.release();
      throw thrown;
    }
  }

  /** @param opened the ledger entry that says so */
  private constructor(
    options: ConnectionOptions,
    session: Session,
    upstream: UpstreamConnection,
    opened: number,
  ) {
    const { context, service, client, info } = options;
    this.#o = options;
    this.info = info;
    this.#session = session;
    const { socket, key, address, encrypted } = upstream;
    this.#upstream = { socket, key, address, encrypted };
    this.closed = new Promise((resolve) => {
      this.#closed = resolve;
    });
    const objects = new SessionObjects(() => this.#backend.outsideTransaction());
    const labels = new SessionLabels(service);
    const planner = new SessionPlanner({
      service,
      actor: info.actor,
      standing: () => session.standing,
      objects,
      user: service.config.upstream.user,
      backend: this.#backend,
    });
    for (const [name, value] of upstream.parameters) planner.noteParameter(name, value);
    if (upstream.reading !== undefined) planner.begin(upstream.reading);
    this.#sender = new ClientSender({
      queue: context.sendQueue,
      client: client.socket,
      upstream: upstream.socket,
      onFailure: (error) => this.end(error),
    });
    this.#sender.restOn(opened);
    this.#responses = new ResponseRelay({
      session,
      objects,
      sender: this.#sender,
      scan: openScan(service, context.ledger, context.metrics),
      events: {
        onReady: (status) => {
          this.#readySince = performance.now();
          if (status === 'I') labels.transactionEnded();
          // Behind the answer that is being read now.
          if (this.#draining) queueMicrotask(() => this.#drainIfIdle());
        },
        onParameter: (name, value) => planner.noteParameter(name, value),
        onCatalogChange: () => {
          const told = service.sessionChangedCatalog();
          if (told !== undefined) this.#sender.holdUntil(told);
        },
        onCopyFailed: () => this.#requests.copyFailed(),
        onCut: (step) => this.#requests.pipeline.cutOff(step, () => this.#cancelBackend()),
        onFailure: (error) => this.end(error),
      },
      errorFrame: (error) => errorFrame(error, 'ERROR', (text) => planner.reading.messageBytes(text)),
    });
    this.#requests = new RequestRelay({
      session,
      service,
      objects,
      labels,
      responses: this.#responses,
      planner,
      client: client.socket,
      upstream: upstream.socket,
      maxMessageBytes: context.limits.maxMessageBytes,
      onTerminate: () => {
        this.#left = true;
        this.#terminate('terminated by the client');
      },
      onFailure: (error) => this.end(error),
    });
    this.#key = context.cancels.add(this, client.minor >= 2 ? 32 : 4, upstream.key?.processId);
    this.#listen();
    this.#greet(upstream.greetings);
    if (client.rest.length > 0) this.#requests.onChunk(client.rest);
  }

  readonly #backend: SessionBackend = {
    ask: (sql) => this.#requests.channel.ask(sql),
    quiet: () => this.#requests.channel.quiet(),
    untilCancelled: (work) => this.#requests.admission.untilCancelled(work),
    redefining: () => this.#responses.redefinitions > 0,
    outsideTransaction: () => this.#requests.channel.idle && this.#responses.transactionStatus === 'I',
  };

  /** Cancels what the client waits for: an approval, the gate itself, or what its backend runs. */
  cancel(): void {
    if (!this.#requests.cancelWait(() => this.#cancelBackend())) void this.#cancelBackend();
  }

  /** One request at a time: whatever runs when it arrives is cancelled. */
  async #cancelBackend(): Promise<void> {
    if (this.#cancelling) return;
    this.#cancelling = true;
    await this.#o.backends.cancel(this.#upstream);
    this.#cancelling = false;
  }

  /** Ends the session with an error that the client is told, and what it is doing. */
  end(error: SluiceError): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#sender.finish(errorFrame(this.#doubt(error), 'FATAL'));
    if (!this.#requests.idle) void this.#cancelBackend();
    this.#terminate(`${error.code}: ${error.message}`);
  }

  status(): SessionStatus {
    return statusOf(this.info, this.#session, this.#requests, this.#responses);
  }

  /** Takes the taint from the session and its reader. @throws {SluiceError} conflict while it runs something */
  async clearTaint(): Promise<void> {
    if (!this.#requests.idle)
      throw new SluiceError('conflict', 'the session runs a statement, which may be reading', {
        hint: 'Try again when it has ended.',
      });
    await this.#session.clearTaint();
  }

  /** Ends the session at once: what its backend does is not waited for. */
  destroy(): void {
    this.#upstream.socket.destroy();
    this.#o.client.socket.destroy();
  }

  /** Asks again whether the principal may connect, and ends the session if not. */
  recheck(): void {
    const denial = connectDenial(this.#o.context, this.#o.service, this.info);
    if (denial !== undefined) this.end(denial);
  }

  /** What the client showed at start-up, if it counted. */
  get certificate(): ClientCertificate | undefined {
    return this.#o.client.credential.certificate;
  }

  endForCertificate(why: 'revoked' | 'expired'): void {
    const message = `the certificate of this session was ${why}`;
    this.end(new SluiceError('authentication_failed', message, { sqlstate: '57P01' }));
  }

  /** Ends the session if its certificate has expired, or its client has been silent for too long. */
  checkTime(): void {
    const { context } = this.#o;
    if (this.certificate !== undefined && this.certificate.validUntil <= context.now())
      this.endForCertificate('expired');
    // Whoever has not yet taken the last answer is not idle.
    if (!this.#requests.idle || this.#o.client.socket.writableLength > 0) return;
    const { idleSessionTimeoutMs, idleInTransactionTimeoutMs } = context.limits;
    const outside = this.#responses.transactionStatus === 'I';
    const limitMs = outside ? idleSessionTimeoutMs : idleInTransactionTimeoutMs;
    if (limitMs === 0 || performance.now() - this.#readySince < limitMs) return;
    // In PostgreSQL's own words (tcop/postgres.c, ProcessInterrupts).
    this.end(
      outside
        ? new SluiceError('idle_session', 'terminating connection due to idle-session timeout')
        : new SluiceError('idle_in_transaction', 'terminating connection due to idle-in-transaction timeout'),
    );
  }

  /** Ends the session as soon as nothing is under way. */
  drain(): void {
    this.#draining = true;
    this.#drainIfIdle();
  }

  #drainIfIdle(): void {
    if (!this.#draining || !this.#requests.idle || this.#responses.transactionStatus !== 'I') return;
    this.end(new SluiceError('shutting_down', 'the gateway is shutting down'));
  }

  #listen(): void {
    const client = this.#o.client.socket;
    const upstream = this.#upstream.socket;
    client.on('data', (chunk: Buffer) => this.#requests.onChunk(chunk));
    client.on('error', () => {});
    client.on('end', () => this.#requests.onInputEnd());
    client.on('close', () => this.#onClientClose());
    upstream.on('data', (chunk: Buffer) => {
      this.#responses.onChunk(chunk);
      if (this.#clientGone) this.#dropUnread(chunk.length);
    });
    upstream.on('close', () => this.#onUpstreamClose());
    const stopWatching = this.#o.context.watchToken(this.info.actor.tokenId, (why) =>
      this.end(
        new SluiceError('authentication_failed', `the token of this session was ${why}`, {
          sqlstate: '57P01',
        }),
      ),
    );
    this.closed.then(stopWatching);
    // What went away before anybody listened will not say so again.
    if (client.closed) this.#onClientClose();
    else if (client.readableEnded) this.#requests.onInputEnd();
    if (upstream.closed) this.#onUpstreamClose();
    client.resume();
    upstream.resume();
  }

  /** What a server says after authentication, with the gate's own cancel key. */
  #greet(greetings: readonly Buffer[]): void {
    const { processId, secret } = this.#key;
    const frames = [
      encodeBackendMessage({ type: 'AuthenticationOk' }),
      ...greetings,
      encodeBackendMessage({ type: 'BackendKeyData', processId, secret }),
      encodeBackendMessage({ type: 'ReadyForQuery', status: 'I' }),
    ];
    this.#responses.send(Buffer.concat(frames));
  }

  #onClientClose(): void {
    this.#clientGone = true;
    this.#sender.detach();
    this.#terminate('the client went away');
  }

  /** Lets the backend finish and say how it went, but forwards nothing more. */
  #terminate(reason: string): void {
    this.#requests.end();
    this.#session.close(reason);
    const { socket } = this.#upstream;
    if (socket.destroyed) {
      this.#onUpstreamClose();
      return;
    }
    if (!socket.writableEnded) socket.end(TERMINATE);
    // Whoever has left and still listens is waited for, as by a database.
    if (this.#clientGone || this.#ending) socket.setTimeout(LINGER_MS, () => socket.destroy());
  }

  /** A database whose client is gone notices when it sends: so does this one. */
  #dropUnread(bytes: number): void {
    this.#unreadBytes += bytes;
    if (this.#unreadBytes > MAX_UNREAD_BYTES) this.#upstream.socket.destroy();
  }

  #onUpstreamClose(): void {
    this.#requests.end();
    const loss = this.#doubt(new SluiceError('upstream_lost', 'the connection to the database was lost'));
    this.#responses.onLost();
    if (this.#left) this.#sender.finish();
    else if (!this.#ending && !this.#clientGone) this.#tellLoss(loss);
    this.#session.close('the database closed the connection');
    this.#o.context.cancels.remove(this.#key);
    if (!this.#released) this.#o.service.release();
    this.#released = true;
    const client = this.#o.client.socket;
    if (client.destroyed) this.#closed();
    else client.once('close', () => this.#closed());
  }

  /** The error, or one that says more where nobody knows what has become of a transaction. */
  #doubt(error: SluiceError): SluiceError {
    if (!this.#responses.outcomeUnknown) return error;
    return new SluiceError(
      'outcome_unknown',
      `${error.message}, and whether what was being committed has been is not known`,
    );
  }

  /** What the database said last goes out first; then the client learns that there will be nothing more. */
  #tellLoss(error: SluiceError): void {
    this.#ending = true;
    this.#sender.finish(this.#responses.toldFatal ? undefined : errorFrame(error, 'FATAL'));
  }
}

/** @throws {SluiceError} if what it may use of budgets cannot be told */
async function openSession({ context, info }: ConnectionOptions): Promise<Session> {
  const { id, actor, database } = info;
  const budgets = await context.openBudgets({ id, actor, database: database.name });
  return new Session(info, context.ledger, context.metrics, budgets, context.deviations);
}

/** Everything but who and where: those are the gate's to say. */
function forwardedParameters(client: AuthenticatedClient): Map<string, string> {
  const parameters = new Map(client.startup.parameters);
  for (const name of ['user', 'database', 'replication']) parameters.delete(name);
  return parameters;
}

/** For doors that end a client before there is a session. */
export function refuseClient(socket: Socket, error: unknown): void {
  endSocket(socket, errorFrame(asSluiceError(error), 'FATAL'));
}
