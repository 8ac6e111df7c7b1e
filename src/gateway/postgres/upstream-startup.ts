/**
 * The first words to a database, as its client: start-up, authentication, and what it says of itself until it is ready for queries.
 * The credential goes in here and nowhere else; it is in no error and no log.
 *
 * Source: PostgreSQL's manual, 54.2.1 "Start-up", 54.3 "SASL Authentication".
 */
import type { Socket } from 'node:net';
import { LRUCache } from 'lru-cache';
import type { Upstream as UpstreamConfig } from '../../config/config.ts';
import { SluiceError } from '../../errors/sluice-error.ts';
import {
  type BackendMessage,
  decodeBackendMessage,
  type ErrorFields,
  encodePasswordMessage,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeStartupMessage,
  FrameReader,
  md5Password,
  SCRAM_SHA_256_PLUS,
  ScramClient,
} from '../../wire/postgres/index.ts';
import { type UpstreamAddress, type UpstreamSocket, unavailable } from './upstream-socket.ts';

/** Start-up answers are small; anything larger is not a PostgreSQL server. */
const MAX_STARTUP_FRAME_BYTES = 1_048_576;

/** What a backend said when it became ready. */
export interface BackendGreeting {
  readonly parameters: ReadonlyMap<string, string>;
  /** Its cancel key; absent for servers that have none. */
  readonly key: { readonly processId: number; readonly secret: Buffer } | undefined;
  /** Frames that clients get as well: notices and parameter statuses, as sent. */
  readonly greetings: readonly Buffer[];
}

/** A server that answered and would not have us. */
export class ServerRefusal extends Error {
  readonly sqlstate: string;
  readonly #fields: ErrorFields;

  constructor(fields: ErrorFields) {
    super('the server refused the connection');
    this.sqlstate = fields.get('C') ?? '08001';
    this.#fields = fields;
  }

  /** As the client of the gate may know it: with the server's SQLSTATE and message, which name no secret. */
  toError(): SluiceError {
    const { sqlstate } = this;
    // Refused credentials are the gateway's own affair, and its user name is none of the client's.
    if (sqlstate.startsWith('28')) return unavailable('the database refused the gateway’s credentials');
    const message = this.#fields.get('M') ?? 'the database refused the connection';
    return new SluiceError(
      'upstream_unavailable',
      message,
      /^[0-9A-Z]{5}$/.test(sqlstate) ? { sqlstate } : {},
    );
  }
}

/**
 * Runs the start-up on a connection.
 * @param parameters start-up parameters besides user and database
 * @throws {ServerRefusal} for an ErrorResponse
 * @throws {SluiceError} upstream_unavailable for a server that does not keep to the protocol or the configuration
 */
export async function startBackend(
  connection: UpstreamSocket,
  config: UpstreamConfig,
  address: UpstreamAddress,
  parameters: ReadonlyMap<string, string>,
): Promise<BackendGreeting> {
  const { socket } = connection;
  const messages = new StartupMessages(socket);
  const all = new Map([
    ...parameters,
    ...[...(config.sessionSettings ?? [])].map(([name, value]) => [name, value.reveal()] as const),
    ['user', config.user],
    ['database', config.database],
  ]);
  socket.write(encodeStartupMessage({ parameters: all }));
  const login = new Login(connection, config, address);
  const greetings: Buffer[] = [];
  const statuses = new Map<string, string>();
  let key: BackendGreeting['key'];
  for (;;) {
    const { message, bytes } = await messages.next();
    switch (message.type) {
      case 'ParameterStatus':
        statuses.set(message.name, message.value);
        greetings.push(bytes);
        break;
      case 'NoticeResponse':
        greetings.push(bytes);
        break;
      case 'BackendKeyData':
        key = { processId: message.processId, secret: Buffer.from(message.secret) };
        break;
      case 'NegotiateProtocolVersion':
        break;
      case 'ReadyForQuery':
        if (!login.done) throw unavailable('the server answered out of order');
        messages.detach();
        return { parameters: statuses, key, greetings };
      case 'ErrorResponse':
        throw new ServerRefusal(message.fields);
      default: {
        const answer = await login.answer(message);
        if (answer !== undefined) socket.write(answer);
      }
    }
  }
}

const saltedPasswords = new WeakMap<UpstreamConfig, LRUCache<string, Buffer>>();

/** A server asks with the same salt as long as its role has the same password; several hosts may differ. */
function saltedPasswordsOf(config: UpstreamConfig): LRUCache<string, Buffer> {
  let kept = saltedPasswords.get(config);
  if (kept === undefined) {
    kept = new LRUCache({ max: 16 });
    saltedPasswords.set(config, kept);
  }
  return kept;
}

/** Proves to the server who the gateway is, and has the server prove that it knows the password where the mechanism has that. */
class Login {
  readonly #connection: UpstreamSocket;
  readonly #config: UpstreamConfig;
  readonly #address: UpstreamAddress;
  #scram: ScramClient | undefined;
  done = false;

  constructor(connection: UpstreamSocket, config: UpstreamConfig, address: UpstreamAddress) {
    this.#connection = connection;
    this.#config = config;
    this.#address = address;
  }

  async answer(message: BackendMessage): Promise<Buffer | undefined> {
    switch (message.type) {
      case 'AuthenticationOk':
        return this.#ok();
      case 'AuthenticationCleartextPassword':
        this.#refuseUnbound();
        return this.#cleartext();
      case 'AuthenticationMD5Password':
        this.#refuseUnbound();
        return encodePasswordMessage(md5Password(this.#config.user, this.#password(), message.salt));
      case 'AuthenticationSASL':
        return this.#begin(message.mechanisms);
      case 'AuthenticationSASLContinue':
        return encodeSaslResponse(Buffer.from(await this.#exchange().next(message.data.toString('utf8'))));
      case 'AuthenticationSASLFinal':
        this.#exchange().finish(message.data.toString('utf8'));
        return undefined;
      default:
        throw unavailable('the server answered out of order');
    }
  }

  #ok(): undefined {
    if (this.#scram === undefined) this.#refuseUnbound();
    else if (!this.#scram.verified) throw unavailable('the server did not prove that it knows the password');
    this.done = true;
  }

  #begin(mechanisms: readonly string[]): Buffer {
    if (this.#scram !== undefined) throw unavailable('the server answered out of order');
    const { channelBinding } = this.#connection;
    const wanted = this.#config.tls.channelBinding;
    this.#scram = new ScramClient({
      password: this.#password(),
      offered: mechanisms,
      channelBinding: wanted === 'disable' ? undefined : channelBinding,
      salted: saltedPasswordsOf(this.#config),
    });
    const { mechanism } = this.#scram;
    if (mechanism !== SCRAM_SHA_256_PLUS) this.#refuseUnbound();
    return encodeSaslInitialResponse(mechanism, Buffer.from(this.#scram.first()));
  }

  #exchange(): ScramClient {
    if (this.#scram === undefined) throw unavailable('the server answered out of order');
    return this.#scram;
  }

  #refuseUnbound(): void {
    if (this.#config.tls.channelBinding !== 'require') return;
    throw unavailable('the server does not offer the channel binding that the configuration demands');
  }

  /** Whoever listens on the network would have the password. */
  #cleartext(): Buffer {
    const { ip } = this.#address;
    const local = ip === undefined || ip === '::1' || ip.startsWith('127.');
    if (!local && !this.#connection.encrypted)
      throw unavailable('the server asks for the password in clear on a connection without TLS');
    return encodePasswordMessage(this.#password());
  }

  #password(): string {
    if (this.#config.password === undefined)
      throw unavailable('the server asks for a password and none is configured');
    return this.#config.password.reveal();
  }
}

/** The start-up's frames one by one; the socket is paused in between and afterwards. */
class StartupMessages {
  readonly #socket: Socket;
  readonly #frames = new FrameReader({ maxFrameBytes: () => MAX_STARTUP_FRAME_BYTES });
  #wake: (() => void) | undefined;
  #failure: SluiceError | undefined;

  readonly #onData = (chunk: Buffer): void => {
    this.#frames.push(chunk);
    this.#socket.pause();
    this.#wake?.();
  };
  readonly #onEnd = (): void => {
    this.#failure ??= unavailable('the connection was closed during start-up');
    this.#wake?.();
  };

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', this.#onData).on('error', this.#onEnd).on('close', this.#onEnd);
  }

  async next(): Promise<{ message: BackendMessage; bytes: Buffer }> {
    for (;;) {
      const frame = this.#frames.next();
      if (frame !== undefined) {
        const bytes = Buffer.from(frame.bytes);
        return { message: decodeBackendMessage(bytes), bytes };
      }
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#socket.resume();
      });
    }
  }

  /** Nothing may follow ReadyForQuery before a query: bytes left over are kept in order by putting them back. */
  detach(): void {
    this.#socket.off('data', this.#onData).off('error', this.#onEnd).off('close', this.#onEnd);
    this.#socket.pause();
    const rest: Buffer[] = [];
    for (let frame = this.#frames.next(); frame !== undefined; frame = this.#frames.next())
      rest.push(Buffer.from(frame.bytes));
    if (rest.length > 0) this.#socket.unshift(Buffer.concat(rest));
  }
}
