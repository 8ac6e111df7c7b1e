/**
 * One signed HTTP request.
 *
 * Spec: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
import { createHmac } from 'node:crypto';
import type { Secret } from '../../config/secret.ts';
import { exchange, type HttpAnswer } from './bounded-post.ts';

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

/** @throws {Error} of the network, or that there was no answer in time; its message holds nothing of URL or secret. */
export function postSigned(
  target: SignedTarget,
  message: SignedMessage,
  signal?: AbortSignal,
): Promise<HttpAnswer> {
  const timeout = AbortSignal.timeout(target.timeoutMs);
  const headers = { ...signatureHeaders(target.secret, message), 'content-type': 'application/json' };
  return exchange(
    { url: target.url, headers, body: message.body },
    signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
  );
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
