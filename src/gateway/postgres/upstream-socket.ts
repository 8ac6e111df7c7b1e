/**
 * One connection to one address of a database, encrypted as the configuration has it. It knows the bytes of TLS negotiation and nothing
 * of what is said afterwards.
 *
 * Source: PostgreSQL's manual, 54.2.10 "SSL Session Encryption"; libpq's `sslmode` and `sslnegotiation` (34.1.2), CVE-2021-23222 for
 * what must not follow the server's `S`.
 */
import { connect as connectSocket, isIP, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import type { Upstream as UpstreamConfig, UpstreamTls } from '../../config/config.ts';
import { SluiceError } from '../../errors/sluice-error.ts';
import { splitRevocationLists } from '../../identity/revocation-list.ts';
import { type ChannelBinding, encodeSslRequest, tlsServerEndPoint } from '../../wire/postgres/index.ts';

/** Where a connection goes. */
export interface UpstreamAddress {
  /** As configured: a name, an address, or the directory of a Unix socket. */
  readonly host: string;
  /** What the name stands for; absent for a Unix socket. */
  readonly ip?: string;
  readonly port: number;
}

/** What a connection was agreed to be. */
export interface UpstreamSocket {
  /** Paused. */
  readonly socket: Socket;
  readonly encrypted: boolean;
  /** To bind the authentication to this TLS connection. */
  readonly channelBinding: ChannelBinding | undefined;
}

/** `whenOffered` goes on in clear if the server has no TLS. */
export type Encryption = 'none' | 'whenOffered' | 'always';

/** A server that offers TLS with which no connection comes about. */
export class HandshakeFailure extends Error {
  readonly error: SluiceError;

  constructor(error: SluiceError) {
    super(error.message);
    this.error = error;
  }
}

/** How to encrypt, in the order to try. A Unix socket is never encrypted. */
export function encryptionsOf({ mode }: UpstreamTls, address: UpstreamAddress): readonly Encryption[] {
  if (address.ip === undefined || mode === 'disable') return ['none'];
  if (mode === 'allow') return ['none', 'always'];
  return mode === 'prefer' ? ['whenOffered', 'none'] : ['always'];
}

/** Begins to connect; never throws. The socket emits `connect`, or `error` and `close`. */
export function openSocket(config: UpstreamConfig, { host, ip, port }: UpstreamAddress): Socket {
  const { keepAliveMs } = config;
  const socket =
    ip === undefined
      ? connectSocket({ path: `${host}/.s.PGSQL.${port}` })
      : connectSocket({
          host: ip,
          port,
          noDelay: true,
          keepAlive: keepAliveMs > 0,
          keepAliveInitialDelay: keepAliveMs,
        });
  // Until the end: an error that nobody listens to would end the process.
  return socket.on('error', () => {});
}

/**
 * Waits for the connection and encrypts it.
 * @throws {SluiceError} upstream_unavailable
 * @throws {HandshakeFailure}
 */
export async function secureSocket(
  plain: Socket,
  config: UpstreamConfig,
  address: UpstreamAddress,
  encryption: Encryption,
): Promise<UpstreamSocket> {
  await settled(plain, 'connect');
  const unencrypted = { socket: plain, encrypted: false, channelBinding: undefined };
  if (encryption === 'none') return unencrypted;
  const direct = config.tls.negotiation === 'direct';
  if (!direct && !(await offersTls(plain))) {
    if (encryption === 'whenOffered') return unencrypted;
    throw unavailable('the server does not offer TLS, which the configuration demands');
  }
  const secure = await shakeHands(plain, config.tls, address, direct);
  const certificate = secure.getPeerX509Certificate();
  const channelBinding = certificate === undefined ? undefined : tlsServerEndPoint(certificate.raw);
  return { socket: secure, encrypted: true, channelBinding };
}

async function shakeHands(
  plain: Socket,
  tls: UpstreamTls,
  address: UpstreamAddress,
  direct: boolean,
): Promise<TLSSocket> {
  try {
    const secure = beginTls(plain, tls, address);
    await settled(secure, 'secureConnect');
    // Without it, what answers may be a server of another protocol.
    if (direct && secure.alpnProtocol !== 'postgresql')
      throw unavailable('the server began TLS without agreeing to speak PostgreSQL');
    return secure;
  } catch (thrown) {
    throw new HandshakeFailure(thrown instanceof SluiceError ? thrown : unavailable(codeOf(thrown)));
  }
}

function beginTls(socket: Socket, tls: UpstreamTls, { host }: UpstreamAddress): TLSSocket {
  const verifies = tls.mode === 'verify-ca' || tls.mode === 'verify-full';
  const secure = connectTls({
    socket,
    host,
    // A name that is an address must not be sent (RFC 6066, section 3).
    ...(isIP(host) === 0 ? { servername: host } : {}),
    secureContext: contextOf(tls),
    ALPNProtocols: ['postgresql'],
    rejectUnauthorized: verifies,
    ...(tls.mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
  });
  return secure.on('error', () => {});
}

const contexts = new WeakMap<UpstreamTls, SecureContext>();

/** Reading certificates takes longer than a handshake: once for each configuration. */
function contextOf(tls: UpstreamTls): SecureContext {
  let context = contexts.get(tls);
  if (context === undefined) {
    const { ca, crl, keyPair } = tls;
    context = createSecureContext({
      minVersion: 'TLSv1.2',
      ...(ca === undefined ? {} : { ca }),
      ...(crl === undefined ? {} : { crl: splitRevocationLists(crl) }),
      ...(keyPair === undefined ? {} : { cert: keyPair.cert, key: keyPair.key.reveal() }),
    });
    contexts.set(tls, context);
  }
  return context;
}

/** Asks for TLS. What follows the answer in clear is an attack and ends the connection. */
async function offersTls(socket: Socket): Promise<boolean> {
  socket.write(encodeSslRequest());
  switch (await readByte(socket)) {
    case 0x53:
      return true;
    case 0x4e:
      return false;
    default:
      // An error of a server that does not know the question, or of something that is no server.
      throw unavailable('the server did not answer whether it offers TLS');
  }
}

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

function settled(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error) => reject(unavailable(codeOf(error)));
    const onClose = () => reject(unavailable('the connection was closed'));
    socket.once('error', onError).once('close', onClose);
    socket.once(event, () => {
      socket.off('error', onError).off('close', onClose);
      resolve();
    });
  });
}

/** The same text for everything that keeps a database from being reached; it names no host. */
export function unavailable(why: string): SluiceError {
  return new SluiceError('upstream_unavailable', `the database cannot be reached: ${why}`);
}

/** The name of a system's or OpenSSL's error; nothing that was said by anyone. */
export function codeOf(thrown: unknown): string {
  const code = (thrown as { code?: unknown }).code;
  return typeof code === 'string' ? code : 'connection failed';
}
