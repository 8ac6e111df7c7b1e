/**
 * Asks a running gateway: over its Unix socket as administrator, or over HTTP with a token. Errors of the gateway are thrown
 * as it said them. Never follows redirects, never sends a token over an unencrypted network unless told to.
 */
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { userInfo } from 'node:os';
import { createInterface } from 'node:readline';
import { ADMIN_USER_HEADER, adminUser } from '../api/admin-user.ts';
import { ERROR_TABLE, type ErrorCode } from '../errors/error-table.ts';
import { SluiceError } from '../errors/sluice-error.ts';

const TIMEOUT_MS = 35_000;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** Where a gateway can be asked. */
export type GatewayAddress =
  | { readonly socketPath: string }
  | {
      readonly url: URL;
      readonly token: string;
      /** PEM; trusted instead of the system's roots. */
      readonly ca?: string;
    };

/** Nobody listens at the address: no gateway runs there. */
export class NobodyListens extends SluiceError {
  constructor(address: string, cause: unknown) {
    super('upstream_unavailable', `no gateway answers at ${address}`, {
      hint: 'Start one with sluice start, or point to another with --config or --url.',
      cause,
    });
  }
}

/**
 * Sends one request and resolves with the answer's JSON; undefined for an empty one.
 * @throws {SluiceError} what the gateway answered; `NobodyListens`; upstream_unavailable for a broken connection
 */
export async function askGateway(
  address: GatewayAddress,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<unknown> {
  const answer = await send(address, method, path, body === undefined ? undefined : JSON.stringify(body));
  const text = await readAnswer(answer);
  if (answer.statusCode! < 300) return text === '' ? undefined : parseAnswer(text, address);
  throw errorOf(parseAnswer(text, address), address);
}

/**
 * Sends one request and gives the answer's lines of JSON as they come.
 * @throws {SluiceError} as `askGateway` does
 */
export async function* askLines(address: GatewayAddress, path: string): AsyncGenerator<unknown, void, void> {
  const answer = await send(address, 'GET', path);
  if (answer.statusCode! >= 300) throw errorOf(parseAnswer(await readAnswer(answer), address), address);
  try {
    for await (const line of createInterface({ input: answer })) {
      if (line.length > MAX_ANSWER_BYTES)
        throw new SluiceError('upstream_unavailable', 'the answer is too large');
      if (line !== '') yield parseAnswer(line, address);
    }
  } catch (cause) {
    if (cause instanceof SluiceError) throw cause;
    throw connectionError(address, cause as NodeJS.ErrnoException);
  } finally {
    answer.destroy();
  }
}

function send(
  address: GatewayAddress,
  method: string,
  path: string,
  body?: string,
): Promise<IncomingMessage> {
  const json =
    body === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const options = {
      method,
      timeout: TIMEOUT_MS,
      agent: false,
      headers: { ...json, ...authorization(address) },
    };
    const sent = open(address, path, options);
    sent.on('response', resolve);
    sent.on('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.on('error', (cause: NodeJS.ErrnoException) => reject(connectionError(address, cause)));
    sent.end(body);
  });
}

function open(address: GatewayAddress, path: string, options: object) {
  if ('socketPath' in address) return requestHttp({ ...options, socketPath: address.socketPath, path });
  const url = new URL(path, address.url);
  const { ca } = address;
  return url.protocol === 'https:'
    ? requestHttps(url, { ...options, ...(ca && { ca }) })
    : requestHttp(url, options);
}

function authorization(address: GatewayAddress): Record<string, string> {
  if ('token' in address) return { authorization: `Bearer ${address.token}` };
  const user = userName();
  return user === undefined ? {} : { [ADMIN_USER_HEADER]: user };
}

/** Who runs the command, for the record; undefined if that has no name that fits into a header. */
function userName(): string | undefined {
  try {
    return adminUser(userInfo().username);
  } catch {
    return undefined;
  }
}

async function readAnswer(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new SluiceError('upstream_unavailable', 'the answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseAnswer(text: string, address: GatewayAddress): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SluiceError('upstream_unavailable', `what answers at ${nameOf(address)} is no Sluice gateway`, {
      cause,
    });
  }
}

function errorOf(answer: unknown, address: GatewayAddress): SluiceError {
  const { code, message, detail, hint } = (answer ?? {}) as Record<string, unknown>;
  if (typeof code !== 'string' || !Object.hasOwn(ERROR_TABLE, code) || typeof message !== 'string') {
    return new SluiceError('upstream_unavailable', `what answers at ${nameOf(address)} is no Sluice gateway`);
  }
  return new SluiceError(code as ErrorCode, message, {
    ...(typeof detail === 'string' ? { detail } : {}),
    ...(typeof hint === 'string' ? { hint } : {}),
  });
}

function connectionError(address: GatewayAddress, cause: NodeJS.ErrnoException): SluiceError {
  if (cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED')
    return new NobodyListens(nameOf(address), cause);
  if (cause.code === 'EACCES') {
    return new SluiceError('forbidden', `you may not open ${nameOf(address)}`, {
      hint: 'Run the command as the user that runs the gateway.',
      cause,
    });
  }
  return new SluiceError('upstream_unavailable', `${nameOf(address)}: ${cause.message}`, { cause });
}

function nameOf(address: GatewayAddress): string {
  return 'url' in address ? address.url.origin : address.socketPath;
}
