/** A real SMTP server that keeps what it is sent, parsed as a mail program would. */
import type { AddressInfo } from 'node:net';
import PostalMime, { type Email } from 'postal-mime';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { makeSelfSignedCertificate } from '../../src/identity/self-signed-certificate.ts';

export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly user: string | undefined;
  readonly isEncrypted: boolean;
  readonly raw: string;
  readonly mail: Email;
}

export const SMTP_LOGIN = { user: 'gate', password: 'a password of the test' };

export class SmtpPeer {
  readonly received: ReceivedMail[] = [];
  readonly #server: SMTPServer;
  /** PEM of the authority that vouches for it: itself. */
  readonly ca: string;
  /** Answers a mail with this number instead of taking it. */
  refuseWith: number | undefined;

  constructor(options: SMTPServerOptions = {}) {
    const { cert, key } = makeSelfSignedCertificate(['127.0.0.1'], Date.now(), (size) =>
      crypto.getRandomValues(Buffer.alloc(size)),
    );
    this.ca = cert;
    this.#server = new SMTPServer({
      ...{ cert, key: key.reveal(), authOptional: true, disableReverseLookup: true, closeTimeout: 100 },
      onAuth: ({ username, password }, _session, done) => {
        const isRight = username === SMTP_LOGIN.user && password === SMTP_LOGIN.password;
        done(isRight ? null : new Error('no such login'), isRight ? { user: username } : undefined);
      },
      onData: async (stream, session, done) => {
        const chunks: Buffer[] = [];
        for await (const chunk of stream) chunks.push(chunk as Buffer);
        const { refuseWith } = this;
        if (refuseWith !== undefined)
          return done(Object.assign(new Error('the words of the server'), { responseCode: refuseWith }));
        const raw = Buffer.concat(chunks);
        const { mailFrom, rcptTo } = session.envelope;
        this.received.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          user: session.user as string | undefined,
          isEncrypted: session.secure,
          raw: raw.toString('latin1'),
          mail: await PostalMime.parse(raw),
        });
        done();
      },
      ...options,
    });
    this.#server.on('error', () => {});
  }

  /** @returns the port it listens on */
  async start(port = 0): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    return (this.#server.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(resolve));
  }
}
