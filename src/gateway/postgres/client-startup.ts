/**
 * The first words of a client: encryption, start-up, authentication. Nothing of a principal's or database's existence can be
 * learned here without a valid token: unknown names take the same path, the same time and get the same text.
 *
 * Source: PostgreSQL's manual, 54.2.1 "Start-up", 54.3 "SASL Authentication"; CVE-2021-23214 for what must not follow an SSLRequest.
 */
import type { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { ClientCertificateConfig, ListenerTlsMode } from '../../config/config.ts';
import { SluiceError } from '../../errors/sluice-error.ts';
import type { ClientCertificate } from '../../identity/client-certificate.ts';
import type { TokenAuthority } from '../../identity/token-authority.ts';
import {
  ENCRYPTION_REPLY,
  encodeBackendMessage,
  negotiateProtocol,
  ScramServer,
  type StartupMessage,
  type StartupPacket,
} from '../../wire/postgres/index.ts';
import type { ClientTls } from './client-tls.ts';
import { StartupDialogue } from './startup-dialogue.ts';

/** After the challenge, no failed proof is told sooner: some hundred times as long as looking up the tokens of a name takes. */
const REFUSAL_MS = 20;

export interface ClientStartupOptions {
  /** Came over a Unix socket: on this machine nothing is encrypted, and there are no certificates. */
  readonly local: boolean;
  readonly tlsMode: ListenerTlsMode;
  /** Undefined exactly if the mode is `disable`. */
  readonly tls: ClientTls | undefined;
  readonly certificates: Pick<ClientCertificateConfig, 'required' | 'suffices'> | undefined;
  readonly tokens: Pick<TokenAuthority, 'challenge' | 'candidates'>;
  /** Waits as long as repeated failures demand. */
  readonly delay: (user: string) => Promise<void>;
}

/** What a client has proved; at least one of both. */
export interface Credential {
  readonly tokenId: string | undefined;
  /** Stands for the user name of the start-up message. */
  readonly certificate: ClientCertificate | undefined;
}

/** A client that has proved who it is. */
export interface AuthenticatedClient {
  readonly kind: 'session';
  readonly socket: Socket;
  readonly encrypted: boolean;
  readonly startup: StartupMessage;
  /** The minor version of protocol 3 that is spoken. */
  readonly minor: number;
  readonly credential: Credential;
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
    const packet = await firstPacket(dialogue, options.local ? undefined : options.tls);
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
    checkStartup(startup, dialogue.encrypted || options.local, options.tlsMode);
    const minor = negotiate(dialogue, startup);
    const credential = await authenticate(dialogue, startup, options);
    const rest = dialogue.detach();
    return {
      kind: 'session',
      socket: dialogue.socket,
      encrypted: dialogue.encrypted,
      startup,
      minor,
      credential,
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
  tls: ClientTls | undefined,
): Promise<StartupPacket | undefined> {
  await dialogue.firstByte(tls);
  let sslAsked = false;
  let gssAsked = false;
  for (;;) {
    const packet = await dialogue.packet();
    if (packet?.type === 'SSLRequest' && !sslAsked && !dialogue.encrypted) {
      sslAsked = true;
      if (tls === undefined) dialogue.write(ENCRYPTION_REPLY.none);
      else await dialogue.encrypt(tls);
    } else if (packet?.type === 'GSSENCRequest' && !gssAsked) {
      gssAsked = true;
      dialogue.write(ENCRYPTION_REPLY.none);
    } else return packet;
  }
}

function checkStartup(startup: StartupMessage, unheard: boolean, mode: ListenerTlsMode): void {
  if (mode === 'require' && !unheard) {
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

/** By certificate, by token, or by both, as the configuration has it. */
async function authenticate(
  dialogue: StartupDialogue,
  startup: StartupMessage,
  options: ClientStartupOptions,
): Promise<Credential> {
  const user = startup.parameters.get('user')!;
  const certificate = certificateFor(user, dialogue, options);
  if (certificate !== undefined && options.certificates?.suffices === true)
    return { certificate, tokenId: undefined };
  return { certificate, tokenId: await proveToken(user, dialogue, options) };
}

/**
 * The certificate that was shown, if it stands for this user. What is said of it tells nothing of principals: whoever holds a
 * certificate knows what stands in it.
 * @throws {SluiceError} authentication_failed for one that does not hold or stands for others, or for none where one is required
 */
function certificateFor(
  user: string,
  { secured }: StartupDialogue,
  { local, certificates }: ClientStartupOptions,
): ClientCertificate | undefined {
  if (certificates === undefined || local) return undefined;
  const sqlstate = '28000';
  if (secured?.certificate === undefined) {
    if (!certificates.required) return undefined;
    throw new SluiceError('authentication_failed', 'connection requires a valid client certificate', {
      sqlstate,
      hint: 'Connect with sslmode=require, sslcert and sslkey.',
    });
  }
  const problem = secured.certificateProblem;
  if (problem === undefined && secured.certificate.principals.has(user)) return secured.certificate;
  const detail = problem === undefined ? 'It stands for somebody else.' : `It is not accepted: ${problem}.`;
  throw new SluiceError('authentication_failed', `certificate authentication failed for user "${user}"`, {
    sqlstate,
    detail,
    hint: 'The authorities and rules are those of listen.postgres.tls.clientCertificates.',
  });
}

/**
 * SCRAM-SHA-256 with a token as the password. What it is compared with is looked up while the client computes; how long that takes
 * depends on the name, so a failure is told only when a time is up that began before the look-up and outlasts it.
 * @returns the token's id
 */
async function proveToken(
  user: string,
  dialogue: StartupDialogue,
  options: ClientStartupOptions,
): Promise<string> {
  const { tokens } = options;
  const channelBinding = dialogue.encrypted ? options.tls?.channelBinding : undefined;
  const scram = new ScramServer({ ...tokens.challenge(user), channelBinding });
  dialogue.write(encodeBackendMessage({ type: 'AuthenticationSASL', mechanisms: scram.mechanisms }));
  const initial = await dialogue.message('SASLInitialResponse');
  if (initial.type !== 'SASLInitialResponse' || initial.data === null) {
    throw new SluiceError('protocol_violation', 'client selected an invalid SASL authentication mechanism');
  }
  const first = scram.first(initial.data.toString('utf8'), initial.mechanism);
  dialogue.write(encodeBackendMessage({ type: 'AuthenticationSASLContinue', data: Buffer.from(first) }));
  const notBefore = wait(REFUSAL_MS);
  try {
    const [response, verifiers] = await Promise.all([
      dialogue.message('SASLResponse'),
      tokens.candidates(user),
    ]);
    if (response.type !== 'SASLResponse')
      throw new SluiceError('protocol_violation', 'expected SASL response');
    await options.delay(user);
    const { message, verifierIndex } = scram.final(response.data.toString('utf8'), verifiers);
    dialogue.write(encodeBackendMessage({ type: 'AuthenticationSASLFinal', data: Buffer.from(message) }));
    return verifiers[verifierIndex]!.tokenId;
  } catch (thrown) {
    await notBefore;
    throw thrown instanceof SluiceError && thrown.code === 'authentication_failed'
      ? wrongToken(user)
      : thrown;
  }
}

/** The one text of every failed authentication. */
export function wrongToken(user: string): SluiceError {
  return new SluiceError('authentication_failed', `password authentication failed for user "${user}"`, {
    hint: 'The password is a Sluice token: sluice token issue <principal>.',
  });
}
