/**
 * Connections to the database, as its client: TCP or Unix socket, TLS, authentication, start-up. What comes out is a backend that is ready
 * for queries. The credential goes in here and nowhere else; it is in no error and no log.
 *
 * Source: PostgreSQL's manual, 54.2.1 "Start-up" and 54.2.9 "SSL Session Encryption".
 */
import { connect as connectSocket, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Upstream as UpstreamConfig } from '../../config/config.ts';
import { SluiceError } from '../../errors/sluice-error.ts';
import {
  type BackendMessage,
  decodeBackendMessage,
  type ErrorFields,
  encodeCancelRequest,
  encodePasswordMessage,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeSslRequest,
  encodeStartupMessage,
  FrameReader,
  md5Password,
  ScramClient,
} from '../../wire/postgres/index.ts';

/** Start-up answers are small; anything larger is not a PostgreSQL server. */
const MAX_STARTUP_FRAME_BYTES = 1_048_576;

/** A backend that is ready for queries. The caller owns the socket. */
export interface UpstreamConnection {
  readonly socket: Socket;
  readonly parameters: ReadonlyMap<string, string>;
  /** The backend's cancel key; absent for servers that have none. */
  readonly key: { readonly processId: number; readonly secret: Buffer } | undefined;
  /** Start-up frames that clients get as well: notices and parameter statuses, as sent. */
  readonly greetings: readonly Buffer[];
}

/**
 * Connects and authenticates.
 * @param parameters start-up parameters besides user and database
 * @throws {SluiceError} upstream_unavailable; with the server's own SQLSTATE and message if it refused the connection
 */
export async function connectUpstream(
  config: UpstreamConfig,
  parameters: ReadonlyMap<string, string>,
  timeoutMs: number,
): Promise<UpstreamConnection> {
  return withDeadline(config, timeoutMs, async (plain) =>
    authenticate(await upgrade(await settled(plain, 'connect'), config), config, parameters),
  );
}

/** Asks the server to cancel what a backend runs. Best effort, as the protocol has it; never throws. */
export async function cancelUpstream(
  config: UpstreamConfig,
  key: NonNullable<UpstreamConnection['key']>,
  timeoutMs: number,
): Promise<void> {
  try {
    await withDeadline(config, timeoutMs, async (plain) => {
      const socket = await upgrade(await settled(plain, 'connect'), config);
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

/** Works on a new socket; if that fails or takes too long, the socket is gone. */
async function withDeadline<T>(
  config: UpstreamConfig,
  timeoutMs: number,
  work: (socket: Socket) => Promise<T>,
): Promise<T> {
  const socket = openSocket(config);
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(unavailable('timed out')), timeoutMs);
  });
  try {
    return await Promise.race([work(socket), deadline]);
  } catch (thrown) {
    socket.destroy();
    throw thrown instanceof SluiceError ? thrown : unavailable(codeOf(thrown));
  } finally {
    clearTimeout(timer);
  }
}

function openSocket(config: UpstreamConfig): Socket {
  return config.host.startsWith('/')
    ? connectSocket({ path: `${config.host}/.s.PGSQL.${config.port}` })
    : connectSocket({ host: config.host, port: config.port, noDelay: true, keepAlive: true });
}

function settled<S extends Socket>(socket: S, event: string): Promise<S> {
  // Until the end: an error that nobody listens to would end the process.
  socket.on('error', () => {});
  return new Promise((resolve, reject) => {
    const onError = (error: Error) => reject(unavailable(codeOf(error)));
    const onClose = () => reject(unavailable('the connection was closed'));
    socket.once('error', onError).once('close', onClose);
    socket.once(event, () => {
      socket.off('error', onError).off('close', onClose);
      resolve(socket);
    });
  });
}

async function upgrade(socket: Socket, config: UpstreamConfig): Promise<Socket> {
  const { mode, ca } = config.tls;
  if (mode === 'disable' || config.host.startsWith('/')) return socket;
  socket.write(encodeSslRequest());
  const answer = await readByte(socket);
  if (answer === 0x4e && mode === 'prefer') return socket;
  if (answer !== 0x53) throw unavailable('the server does not offer TLS, which the configuration demands');
  const verifies = mode === 'verify-ca' || mode === 'verify-full';
  const secure = connectTls({
    socket,
    ...(/^[\d.]+$|:/.test(config.host) ? {} : { servername: config.host }),
    host: config.host,
    ...(ca === undefined ? {} : { ca }),
    ALPNProtocols: ['postgresql'],
    minVersion: 'TLSv1.2',
    rejectUnauthorized: verifies,
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
  });
  return settled(secure, 'secureConnect');
}

/** Reads exactly one byte: what follows an `S` unencrypted is an attack (CVE-2021-23222) and ends the connection. */
function readByte(socket: Socket): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = () => reject(unavailable('the connection was closed'));
    socket.once('error', fail).once('close', fail);
    socket.once('data', (chunk: Buffer) => {
      socket.pause();
      socket.off('error', fail).off('close', fail);
      if (chunk.length === 1) resolve(chunk[0]!);
      else reject(unavailable('the server sent unencrypted data where TLS was to begin'));
    });
    socket.resume();
  });
}

async function authenticate(
  socket: Socket,
  config: UpstreamConfig,
  parameters: ReadonlyMap<string, string>,
): Promise<UpstreamConnection> {
  const messages = new StartupMessages(socket);
  const all = new Map([...parameters, ['user', config.user], ['database', config.database]]);
  socket.write(encodeStartupMessage({ parameters: all }));
  const greetings: Buffer[] = [];
  const statuses = new Map<string, string>();
  let key: UpstreamConnection['key'];
  let scram: ScramClient | undefined;
  for (;;) {
    const { message, bytes } = await messages.next();
    switch (message.type) {
      case 'AuthenticationOk':
        if (scram !== undefined && !scram.verified)
          throw unavailable('the server did not prove that it knows the password');
        break;
      case 'AuthenticationCleartextPassword':
        socket.write(encodePasswordMessage(passwordOf(config)));
        break;
      case 'AuthenticationMD5Password':
        socket.write(encodePasswordMessage(md5Password(config.user, passwordOf(config), message.salt)));
        break;
      case 'AuthenticationSASL':
        if (!message.mechanisms.includes('SCRAM-SHA-256'))
          throw unavailable('the server offers no authentication that is known');
        scram = new ScramClient({ password: passwordOf(config) });
        socket.write(encodeSaslInitialResponse('SCRAM-SHA-256', Buffer.from(scram.first())));
        break;
      case 'AuthenticationSASLContinue':
        if (scram === undefined) throw unavailable('the server answered out of order');
        socket.write(encodeSaslResponse(Buffer.from(await scram.next(message.data.toString('utf8')))));
        break;
      case 'AuthenticationSASLFinal':
        if (scram === undefined) throw unavailable('the server answered out of order');
        scram.finish(message.data.toString('utf8'));
        break;
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
        messages.detach();
        return { socket, parameters: statuses, key, greetings };
      case 'ErrorResponse':
        throw refused(message.fields);
      default:
        throw unavailable('the server answered out of order');
    }
  }
}

function passwordOf(config: UpstreamConfig): string {
  if (config.password === undefined)
    throw unavailable('the server asks for a password and none is configured');
  return config.password.reveal();
}

/** The server's own refusal, as the client of the gate may know it: its SQLSTATE and message name no secret. */
function refused(fields: ErrorFields): SluiceError {
  const sqlstate = fields.get('C') ?? '08001';
  // Refused credentials are the gateway's own affair, and its user name is none of the client's.
  if (sqlstate.startsWith('28')) return unavailable('the database refused the gateway’s credentials');
  return new SluiceError('upstream_unavailable', fields.get('M') ?? 'the database refused the connection', {
    ...(/^[0-9A-Z]{5}$/.test(sqlstate) ? { sqlstate } : {}),
  });
}

function unavailable(why: string): SluiceError {
  return new SluiceError('upstream_unavailable', `the database cannot be reached: ${why}`);
}

function codeOf(thrown: unknown): string {
  const code = (thrown as { code?: unknown }).code;
  return typeof code === 'string' ? code : 'connection failed';
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
