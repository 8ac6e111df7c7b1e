/**
 * A reviewer behind HTTP. The question is signed as webhooks are, and the answer has to be signed with the same key, under the id of the
 * question and `_answer`: whoever else listens at the address, or sends the question back, gets no voice.
 */
import { timingSafeEqual } from 'node:crypto';
import type { HttpAnswer } from '../notifications/bounded-post.ts';
import { postSigned, type SignedTarget, signatureHeaders } from '../notifications/signed-post.ts';
import type { AutomaticAnswer } from '../voting.ts';
import { readAnswer } from './reviewer-answer.ts';

/** A question as it is asked. */
export interface Question {
  /** Unique. */
  readonly id: string;
  /** JSON. */
  readonly body: string;
}

/** A signature may be so much older or newer than now: clocks differ. */
const MAX_SKEW_MS = 300_000;

/** @throws {Error} if there is no answer, or not one that counts; its message holds nothing of URL, secret or answer */
export async function askByHttp(
  target: SignedTarget,
  { id, body }: Question,
  now: () => number,
  signal: AbortSignal,
): Promise<AutomaticAnswer> {
  const answer = await postSigned(target, { id, body, now: now() }, signal);
  if (answer.status !== 200) throw new Error(`status ${answer.status}`);
  if (answer.body === undefined) throw new Error('its answer is too long');
  requireSignature(target, `${id}_answer`, answer, answer.body, now());
  return readAnswer(answer.body);
}

function requireSignature(
  { secret }: SignedTarget,
  id: string,
  { headers }: HttpAnswer,
  body: string,
  now: number,
): void {
  const seconds = /^\d{1,12}$/.exec(String(headers['webhook-timestamp']))?.[0];
  const at = Number(seconds ?? Number.NaN) * 1000;
  if (headers['webhook-id'] !== id || !(Math.abs(now - at) <= MAX_SKEW_MS))
    throw new Error('its answer is not signed for this question');
  const expected = Buffer.from(signatureHeaders(secret, { id, body, now: at })['webhook-signature'] ?? '');
  const given = String(headers['webhook-signature']).split(' ').slice(0, 4);
  const fits = given.some((one) => {
    const bytes = Buffer.from(one);
    return bytes.length === expected.length && timingSafeEqual(bytes, expected);
  });
  if (!fits) throw new Error('its answer is not signed for this question');
}
