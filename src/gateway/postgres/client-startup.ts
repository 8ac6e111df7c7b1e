/**
 * The first words of a client: encryption, start-up, authentication. Nothing of a principal's or database's existence can be
 * learned here without a valid token: unknown names take the same path, the same time and get the same text.
 *
 * Source: PostgreSQL's manual, 54.2.1 "Start-up", 54.3 "SASL Authentication"; CVE-2021-23214 for what must not follow an SSLRequest.
 */
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import { SluiceError } from '../../errors/sluice-error.ts';
import type { ScramCandidates } from '../../identity/token-authority.ts';
import {
  beginsTls,
  type ChannelBinding,
  decodeFrontendMessage,
  ENCRYPTION_REPLY,
  encodeBackendMessage,
  FRONTEND_TYPE,
  FrameReader,
  frontendFrameLimit,
  negotiateProtocol,
  ScramServer,
  type StartupMessage,
  type StartupPacket,
  StartupReader,
} from '../../wire/postgres/index.ts';

/** Nothing a client says before it is authenticated is longer. */
const MAX_AUTHENTICATION_FRAME_BYTES = 4_096;

export interface ClientStartupOptions {
  readonly tls: {
    readonly mode: 'disable' | 'prefer' | 'require';
    readonly context: SecureContext | undefined;
    readonly channelBinding: ChannelBinding | undefined;
  };
  readonly candidates: (user: string) => Promise<ScramCandidates>;
  /** Waits as long as repeated failures demand. */
  readonly delay: (user: string) => Promise<void>;
}

/** A client that has proved which token it holds. */
export interface AuthenticatedClient {
  readonly kind: 'session';
  readonly socket: Socket;
  readonly encrypted: boolean;
  readonly startup: StartupMessage;
  /** The minor version of protocol 3 that is spoken. */
  readonly minor: number;
  readonly tokenId: string;
  /** What the client sent without waiting. */
  readonly rest: Buffer;
}

/** A connection that only carries a cancel request. */
export interface CancelClient {
  readonly kind: 'cancel';
  readonly socket: Socket;
  readonly processId: number;
  readonly secret: Buffer;
}

/** What failed and what was known by then, for the record. */
export class StartupFailure extends Error {
  readonly error: SluiceError;
  readonly user: string | undefined;
  readonly database: string | undefined;
  /** Where the refusal can be sent; undefined if nothing can be said any more. */
  readonly socket: Socket | undefined;
  constructor(error: SluiceError, startup: StartupMessage | undefined, socket: Socket | undefined) {
    super(error.message);
    this.error = error;
    this.user = startup?.parameters.get('user');
    this.database = startup?.parameters.get('database') ?? this.user;
    this.socket = socket;
  }
}

/**
 * Runs the start-up of one connection. Whoever calls bounds the time and destroys the socket when it is up.
 * @throws {StartupFailure}
 */
export async function startUp(
  accepted: Socket,
  options: ClientStartupOptions,
): Promise<AuthenticatedClient | CancelClient | undefined> {
  const dialogue = new StartupDialogue(accepted);
  let startup: StartupMessage | undefined;
  try {
    const packet = await firstPacket(dialogue, options.tls);
    if (packet === undefined) return undefined;
    if (packet.type === 'CancelRequest')
      return {
        kind: 'cancel',
        socket: dialogue.socket,
        processId: packet.processId,
        secret: packet.secret,
      };
    if (packet.type !== 'StartupMessage')
      throw new SluiceError('protocol_violation', 'a start-up message was expected');
    startup = packet;
    checkStartup(startup, dialogue.encrypted, options.tls.mode);
    const minor = negotiate(dialogue, startup);
    const tokenId = await authenticate(dialogue, startup, options);
    const rest = dialogue.detach();
    return {
      kind: 'session',
      socket: dialogue.socket,
      encrypted: dialogue.encrypted,
      startup,
      minor,
      tokenId,
      rest,
    };
  } catch (thrown) {
    const error =
      thrown instanceof SluiceError
        ? thrown
        : new SluiceError('internal', 'internal error during start-up', { cause: thrown });
    throw new StartupFailure(error, startup, dialogue.closed ? undefined : dialogue.socket);
  }
}

/** The first packet that is not about encryption; at most one request for each kind is answered, as PostgreSQL does. */
async function firstPacket(
  dialogue: StartupDialogue,
  tls: ClientStartupOptions['tls'],
): Promise<StartupPacket | undefined> {
  await dialogue.firstByte(tls.mode === 'disable' ? undefined : tls.context);
  let sslAsked = false;
  let gssAsked = false;
  for (;;) {
    const packet = await dialogue.packet();
    if (packet?.type === 'SSLRequest' && !sslAsked && !dialogue.encrypted) {
      sslAsked = true;
      if (tls.mode === 'disable' || tls.context === undefined) dialogue.write(ENCRYPTION_REPLY.none);
      else await dialogue.encrypt(tls.context);
    } else if (packet?.type === 'GSSENCRequest' && !gssAsked) {
      gssAsked = true;
      dialogue.write(ENCRYPTION_REPLY.none);
    } else return packet;
  }
}

function checkStartup(startup: StartupMessage, encrypted: boolean, mode: string): void {
  if (mode === 'require' && !encrypted) {
    throw new SluiceError('connect_denied', 'this gate accepts encrypted connections only', {
      hint: 'Connect with sslmode=require.',
    });
  }
  if (!startup.parameters.get('user')) {
    throw new SluiceError('connect_denied', 'no PostgreSQL user name specified in startup packet');
  }
  const replication = startup.parameters.get('replication')?.toLowerCase();
  if (replication !== undefined && !['false', 'off', 'no', '0'].includes(replication)) {
    throw new SluiceError('unsupported', 'replication connections do not pass the gate', {
      hint: 'Connect to the database itself for replication.',
    });
  }
}

function negotiate(dialogue: StartupDialogue, startup: StartupMessage): number {
  const { minor, mustTell, unrecognizedOptions } = negotiateProtocol(startup);
  if (mustTell) {
    dialogue.write(
      encodeBackendMessage({
        type: 'NegotiateProtocolVersion',
        major: 3,
        minor,
        unrecognizedOptions: unrecognizedOptions.map((name) => Buffer.from(name).toString('latin1')),
      }),
    );
  }
  return minor;
}

/** SCRAM-SHA-256 with a token as the password. @returns the token's id */
async function authenticate(
  dialogue: StartupDialogue,
  startup: StartupMessage,
  options: ClientStartupOptions,
): Promise<string> {
  const user = startup.parameters.get('user')!;
  const { salt, iterations, verifiers } = await options.candidates(user);
  const channelBinding = dialogue.encrypted ? options.tls.channelBinding : undefined;
  const scram = new ScramServer({ verifiers, salt, iterations, channelBinding });
  dialogue.write(encodeBackendMessage({ type: 'AuthenticationSASL', mechanisms: scram.mechanisms }));
  const initial = await dialogue.message('SASLInitialResponse');
  if (initial.type !== 'SASLInitialResponse' || initial.data === null) {
    throw new SluiceError('protocol_violation', 'client selected an invalid SASL authentication mechanism');
  }
  const first = scram.first(initial.data.toString('utf8'), initial.mechanism);
  dialogue.write(encodeBackendMessage({ type: 'AuthenticationSASLContinue', data: Buffer.from(first) }));
  const response = await dialogue.message('SASLResponse');
  if (response.type !== 'SASLResponse') throw new SluiceError('protocol_violation', 'expected SASL response');
  await options.delay(user);
  try {
    const { message, verifierIndex } = scram.final(response.data.toString('utf8'));
    dialogue.write(encodeBackendMessage({ type: 'AuthenticationSASLFinal', data: Buffer.from(message) }));
    return verifiers[verifierIndex]!.tokenId;
  } catch (thrown) {
    if (thrown instanceof SluiceError && thrown.code === 'protocol_violation') throw thrown;
    throw wrongToken(user);
  }
}

/** The one text of every failed authentication. */
export function wrongToken(user: string): SluiceError {
  return new SluiceError('authentication_failed', `password authentication failed for user "${user}"`, {
    hint: 'The password is a Sluice token: sluice token issue <principal>.',
  });
}

/** Reads and writes of one start-up; the socket is paused between reads. */
class StartupDialogue {
  socket: Socket;
  encrypted = false;
  closed = false;
  readonly #packets = new StartupReader();
  #frames: FrameReader | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    this.#attach();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.socket.pause();
    if (this.#frames === undefined) this.#packets.push(chunk);
    else this.#frames.push(chunk);
    this.#wake?.();
  };
  readonly #onClose = (): void => {
    this.closed = true;
    this.#wake?.();
  };

  #attach(): void {
    this.socket
      .on('data', this.#onData)
      .on('error', this.#onClose)
      .on('close', this.#onClose)
      .on('end', this.#onClose);
    this.socket.pause();
  }

  #detach(): void {
    this.socket
      .off('data', this.#onData)
      .off('error', this.#onClose)
      .off('close', this.#onClose)
      .off('end', this.#onClose);
    this.socket.pause();
  }

  write(bytes: Buffer): void {
    if (!this.closed) this.socket.write(bytes);
  }

  async #more(): Promise<void> {
    if (this.closed) throw new SluiceError('startup_timeout', 'the client went away during start-up');
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.socket.resume();
    });
    if (this.closed) throw new SluiceError('startup_timeout', 'the client went away during start-up');
  }

  /** Begins TLS at once for clients that do (sslnegotiation=direct). Waits for the first byte either way. */
  async firstByte(context: SecureContext | undefined): Promise<void> {
    await this.#readable();
    const peeked = this.socket.read(1) as Buffer | null;
    if (peeked === null) return;
    this.socket.unshift(peeked);
    if (beginsTls(peeked[0]!) && context !== undefined) await this.#secure(context);
  }

  #readable(): Promise<void> {
    this.#detach();
    return new Promise((resolve, reject) => {
      const done = (): void => {
        this.socket.off('readable', done).off('close', lost).off('error', lost);
        this.#attach();
        resolve();
      };
      const lost = (): void => {
        this.closed = true;
        reject(new SluiceError('startup_timeout', 'the client went away during start-up'));
      };
      this.socket.on('readable', done).on('close', lost).on('error', lost);
    });
  }

  async packet(): Promise<StartupPacket | undefined> {
    for (;;) {
      const packet = this.#packets.next();
      if (packet !== undefined) return packet;
      await this.#more();
    }
  }

  async encrypt(context: SecureContext): Promise<void> {
    if (this.#packets.bufferedBytes > 0) {
      throw new SluiceError('protocol_violation', 'received unencrypted data after SSL request', {
        detail:
          'This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.',
      });
    }
    this.write(ENCRYPTION_REPLY.ssl);
    await this.#secure(context);
  }

  async #secure(context: SecureContext): Promise<void> {
    this.#detach();
    const plain = this.socket;
    const secure = new TLSSocket(plain, {
      isServer: true,
      secureContext: context,
      ALPNProtocols: ['postgresql'],
      requestCert: false,
    });
    // Until the end: an error that nobody listens to would end the process.
    secure.on('error', () => {});
    await new Promise<void>((resolve, reject) => {
      const settle = (outcome: () => void): void => {
        for (const event of ['error', 'close']) secure.off(event, fail);
        plain.off('close', fail);
        secure.off('secure', succeed);
        outcome();
      };
      const succeed = (): void => settle(resolve);
      const fail = (): void =>
        settle(() => {
          this.closed = true;
          plain.destroy();
          reject(new SluiceError('protocol_violation', 'the TLS handshake failed'));
        });
      secure.once('secure', succeed).once('error', fail).once('close', fail);
      plain.once('close', fail);
    });
    this.socket = secure;
    this.encrypted = true;
    this.#attach();
  }

  async message(expected: 'SASLInitialResponse' | 'SASLResponse') {
    if (this.#frames === undefined) {
      const limit = frontendFrameLimit(MAX_AUTHENTICATION_FRAME_BYTES);
      this.#frames = new FrameReader({
        maxFrameBytes: (type) => (type === FRONTEND_TYPE.PasswordMessage ? limit(type) : 0),
      });
      this.#frames.push(this.#packets.takeRest());
    }
    for (;;) {
      const frame = this.#frames.next();
      if (frame !== undefined) return decodeFrontendMessage(frame.bytes, expected);
      await this.#more();
    }
  }

  /** Ends the dialogue; the caller owns the socket, paused, and what was sent ahead. */
  detach(): Buffer {
    this.#detach();
    return this.#frames?.takeRest() ?? Buffer.alloc(0);
  }
}
