/**
 * TLS towards clients: the handshake, and the certificate that a client may show in it. There are no session tickets, so that every
 * connection is verified anew, and what a client showed is what counts.
 *
 * Source: PostgreSQL's manual, 19.9 "Secure TCP/IP Connections with SSL"; 54.2.10 for ALPN.
 */
import { constants, X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { ClientCertificateConfig, KeyPair, ListenerCertificates } from '../../config/config.ts';
import { SluiceError } from '../../errors/sluice-error.ts';
import { type ClientCertificate, readClientCertificate } from '../../identity/client-certificate.ts';
import { RevocationLists, splitRevocationLists } from '../../identity/revocation-list.ts';
import { type ChannelBinding, tlsServerEndPoint } from '../../wire/postgres/index.ts';

/** A connection after the handshake. */
export interface SecuredClient {
  /** Paused. */
  readonly socket: TLSSocket;
  /** Undefined if the client showed none, or was not asked. */
  readonly certificate: ClientCertificate | undefined;
  /** Why the certificate is not accepted, if it is not: OpenSSL's name for it. */
  readonly certificateProblem: string | undefined;
  /** The protocol was agreed on in the handshake. */
  readonly agreed: boolean;
}

export class ClientTls {
  /** To bind SCRAM to the certificate shown; undefined for one that the RFC has no binding for. */
  readonly channelBinding: ChannelBinding | undefined;
  /** What is asked of clients; undefined for nothing. */
  readonly certificates: ClientCertificateConfig | undefined;
  readonly #lists: RevocationLists;
  /** Never listens: connections are handed to it. Node.js tells only a server's sockets whether a certificate holds. */
  readonly #server: Server;
  /** By the client's address, which no two open connections share. */
  readonly #waiting = new Map<string, (secure: TLSSocket) => void>();

  /** @throws {SluiceError} config_invalid for certificates that OpenSSL cannot read */
  constructor({ keyPair, clientCertificates: certificates }: ListenerCertificates) {
    this.certificates = certificates;
    this.#lists = new RevocationLists(certificates?.crl ?? '');
    this.channelBinding = tlsServerEndPoint(new X509Certificate(keyPair.cert).raw);
    this.#server = createTlsServer(keyPair, certificates);
    this.#server.on('secureConnection', (secure) => {
      const settle = this.#waiting.get(peerOf(secure));
      if (settle === undefined) secure.destroy();
      else settle(secure);
    });
  }

  /**
   * Runs the handshake on a TCP connection; whoever calls bounds its time. If it fails, the connection is destroyed.
   * @throws {SluiceError} protocol_violation
   */
  async secure(plain: Socket): Promise<SecuredClient> {
    const socket = await this.#shakeHands(plain);
    const shown = this.certificates === undefined ? undefined : socket.getPeerX509Certificate();
    return {
      socket,
      certificate: shown === undefined ? undefined : readClientCertificate(shown, this.certificates!.rules),
      certificateProblem: shown === undefined || socket.authorized ? undefined : problemOf(socket),
      agreed: socket.alpnProtocol === 'postgresql',
    };
  }

  /** Whether a list of today revokes a certificate that was accepted before. */
  revokes(certificate: ClientCertificate): boolean {
    return this.#lists.revokes(certificate);
  }

  #shakeHands(plain: Socket): Promise<TLSSocket> {
    const peer = peerOf(plain);
    return new Promise((resolve, reject) => {
      const settle = (outcome: () => void): void => {
        plain.off('close', fail);
        if (this.#waiting.get(peer) === succeed) this.#waiting.delete(peer);
        outcome();
      };
      const succeed = (secure: TLSSocket): void => {
        // Until the end: an error that nobody listens to would end the process.
        secure.on('error', () => {});
        settle(() => resolve(secure));
      };
      const fail = (): void =>
        settle(() => reject(new SluiceError('protocol_violation', 'the TLS handshake failed')));
      plain.once('close', fail);
      this.#waiting.set(peer, succeed);
      this.#server.emit('connection', plain);
    });
  }
}

function peerOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

function problemOf({ authorizationError }: TLSSocket): string {
  // Node.js gives the code, whatever its types say.
  return typeof authorizationError === 'string' ? authorizationError : 'unknown';
}

function createTlsServer({ cert, key }: KeyPair, certificates: ClientCertificateConfig | undefined): Server {
  try {
    return createServer({
      cert,
      key: key.reveal(),
      minVersion: 'TLSv1.2',
      secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
      ALPNProtocols: ['postgresql'],
      allowHalfOpen: true,
      pauseOnConnect: true,
      ...(certificates === undefined
        ? {}
        : {
            requestCert: true,
            // Whom to refuse is said after the start-up message, in words.
            rejectUnauthorized: false,
            ca: certificates.ca,
            ...(certificates.crl === undefined ? {} : { crl: splitRevocationLists(certificates.crl) }),
          }),
    });
  } catch (cause) {
    throw new SluiceError('config_invalid', 'the certificates of listen.postgres.tls cannot be used', {
      hint: 'Check ca and crl of clientCertificates, cert and key: all PEM.',
      cause,
    });
  }
}
