/**
 * Mails about requests, to the people who may answer them. They form one conversation a request. The connection is encrypted before
 * anything is said on it, unless the configuration says otherwise, and ends when its time is up.
 */
import { connect, type Socket } from 'node:net';
import { createTransport } from 'nodemailer';
import type { EmailConfig } from '../../config/notification-config.ts';
import type { Principals } from '../../identity/actor-chain.ts';
import type { ApprovalRequest } from '../../model/approval.ts';
import type { ApprovalRecord, Notice } from '../../store/store.ts';
import { answeringGroups } from '../quorum.ts';
import { type Mail, mailOf } from './mail.ts';
import type { Attempt, Receiver } from './receiver.ts';
import { eventOf } from './request-summary.ts';
import { wordsForAll } from './request-words.ts';

const MAX_RECIPIENTS = 100;

export class Mailbox implements Receiver {
  readonly name = 'email';
  readonly timeoutMs: number;
  readonly #config: EmailConfig;
  readonly #principals: Principals;
  readonly #publicUrl: string | undefined;

  constructor(config: EmailConfig, principals: Principals, publicUrl?: string) {
    this.timeoutMs = config.timeoutMs;
    this.#config = config;
    this.#principals = principals;
    this.#publicUrl = publicUrl;
  }

  bodyOf({ request, revision }: ApprovalRecord): string | undefined {
    const { events, includeStatement, from } = this.#config;
    const to = this.#recipients(request);
    if (to.length === 0 || !events.includes(eventOf(request))) return undefined;
    const publicUrl = this.#publicUrl === undefined ? {} : { publicUrl: this.#publicUrl };
    const words = wordsForAll(request, { includeStatement, ...publicUrl });
    const domain = from.slice(from.lastIndexOf('@') + 1);
    return JSON.stringify(mailOf(request, words, { to, domain, revision }));
  }

  async send({ body }: Notice, _place: undefined, signal: AbortSignal): Promise<Attempt> {
    const mail = JSON.parse(body) as Mail;
    const socket = await connectTo(this.#config, signal);
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const end = () => {
      socket.destroy();
      reject(new Error('no answer in time'));
    };
    signal.addEventListener('abort', end, { once: true });
    try {
      return await Promise.race([this.#submit(mail, socket), aborted]);
    } catch (error) {
      return failureOf(error as MailError);
    } finally {
      signal.removeEventListener('abort', end);
      socket.destroy();
    }
  }

  async #submit({ to, subject, text, html, messageId, inReplyTo }: Mail, socket: Socket): Promise<Attempt> {
    const { host, tls, ca, login, from, timeoutMs } = this.#config;
    const transport = createTransport({
      ...{ host, connection: socket, secure: tls === 'tls' },
      ...{ requireTLS: tls === 'starttls', ignoreTLS: tls === 'disable' },
      tls: { minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) },
      ...(login === undefined ? {} : { auth: { user: login.user, pass: login.password?.reveal() ?? '' } }),
      ...{
        greetingTimeout: timeoutMs,
        socketTimeout: timeoutMs,
        disableFileAccess: true,
        disableUrlAccess: true,
      },
    });
    await transport.sendMail({
      ...{ from, to: [...to], subject, text, html, messageId },
      ...(inReplyTo === undefined ? {} : { inReplyTo, references: inReplyTo }),
      headers: { 'auto-submitted': 'auto-generated', 'x-auto-response-suppress': 'All' },
    });
    return { sent: true };
  }

  /** People who may answer as the request is now, but none of those who asked; and whoever is always told. */
  #recipients(request: ApprovalRequest): string[] {
    const { binding, rule } = request;
    const asked = [binding.principal, ...(rule.behalfMayAnswer ? [] : binding.onBehalfOf)];
    const groups = answeringGroups(request);
    const people = [...this.#principals.values()].filter(
      (one) =>
        one.kind === 'Human' && !asked.includes(one.id) && one.groups.some((group) => groups.includes(group)),
    );
    const addresses = people.flatMap(({ email }) => (email === undefined ? [] : [email]));
    return [...new Set([...addresses, ...this.#config.to])].slice(0, MAX_RECIPIENTS);
  }
}

/** What nodemailer throws: a code, and the number that the server answered with. */
type MailError = Error & { readonly code?: string; readonly responseCode?: number };

/** The server's own words stay out of logs: they may quote the mail. */
function failureOf({ code, responseCode, message }: MailError): Attempt {
  if (responseCode !== undefined) return { sent: false, why: `the mail server answered ${responseCode}` };
  return { sent: false, why: code ?? message };
}

function connectTo({ host, port }: EmailConfig, signal: AbortSignal): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({ host, port, signal });
  socket.once('connect', () => {
    socket.off('error', reject);
    // Whoever uses it adds a listener of their own; until then, and after, an error is the end of it and no more.
    socket.on('error', () => {});
    resolve(socket);
  });
  socket.once('error', reject);
  return promise;
}
