/**
 * One signed HTTP request, with an end to everything: time, size of the answer, redirects. A redirect is an answer like any other
 * and is never followed, so nothing signed goes to a host that the configuration does not name.
 *
 * Spec: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
import { createHmac } from 'node:crypto';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Secret } from '../../config/secret.ts';

/** The most of an answer that is read, in bytes. */
export const MAX_ANSWER_BYTES = 64 * 1024;

/** Where to send to, and as whom. */
export interface SignedTarget {
  readonly url: string;
  /** `whsec_` and base64, or any text. */
  readonly secret: Secret;
  /** From the first byte to the last of the answer. */
  readonly timeoutMs: number;
}

export interface SignedMessage {
  /** Stays the same over all attempts, so that the receiver knows a repetition. Without full stops. */
  readonly id: string;
  readonly body: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface PostAnswer {
  readonly status: number;
  /** UTF-8, what is not is replaced; undefined if it is longer than `MAX_ANSWER_BYTES`. */
  readonly body: string | undefined;
}

/** @throws {Error} of the network, or that there was no answer in time; its message holds nothing of URL or secret. */
export async function postSigned(
  target: SignedTarget,
  message: SignedMessage,
  signal?: AbortSignal,
): Promise<PostAnswer> {
  const timeout = AbortSignal.timeout(target.timeoutMs);
  const ended = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
  try {
    return await post(target.url, { ...signatureHeaders(target.secret, message) }, message.body, ended);
  } catch (cause) {
    if (timeout.aborted) throw new Error('no answer in time', { cause });
    throw new Error((cause as NodeJS.ErrnoException).code ?? 'the request failed', { cause });
  }
}

/** `webhook-id`, `webhook-timestamp` (seconds) and `webhook-signature` of a message. */
export function signatureHeaders(
  secret: Secret,
  { id, body, now }: SignedMessage,
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(now / 1000));
  const signature = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}

function keyOf(secret: Secret): Buffer {
  const text = secret.reveal();
  return text.startsWith('whsec_') ? Buffer.from(text.slice(6), 'base64') : Buffer.from(text);
}

function post(
  url: string,
  headers: Record<string, string>,
  body: string,
  signal: AbortSignal,
): Promise<PostAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<PostAnswer>();
  const send = new URL(url).protocol === 'https:' ? requestHttps : requestHttp;
  const bytes = Buffer.from(body);
  const request = send(url, {
    method: 'POST',
    agent: false,
    signal,
    headers: {
      ...headers,
      'content-type': 'application/json',
      'content-length': bytes.length,
      'user-agent': 'sluice',
    },
  });
  request.on('error', reject);
  request.on('response', (response) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const answer = (text: string | undefined) => resolve({ status: response.statusCode ?? 0, body: text });
    response.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= MAX_ANSWER_BYTES) chunks.push(chunk);
      else {
        answer(undefined);
        request.destroy();
      }
    });
    response.on('end', () => answer(Buffer.concat(chunks).toString('utf8')));
    response.on('error', reject);
    response.on('aborted', () => reject(new Error('aborted')));
  });
  request.end(bytes);
  return promise;
}
