/**
 * Whether a request comes from Slack: HMAC-SHA256 over version, time and the body's bytes, under the app's signing secret. Each
 * signed request counts once, and only for five minutes.
 *
 * Spec: https://docs.slack.dev/authentication/verifying-requests-from-slack/
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../config/secret.ts';
import { SeenOnce } from './seen-once.ts';

export interface SlackSignatureDeps {
  readonly secret: Secret;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Why a request is refused. `busy`: so many came within five minutes that a repetition would go unnoticed. */
export type SignatureProblem = 'forged' | 'stale' | 'repeated' | 'busy';

const WINDOW_MS = 5 * 60_000;

export class SlackSignatures {
  readonly #deps: SlackSignatureDeps;
  readonly #seen: SeenOnce;

  constructor(deps: SlackSignatureDeps) {
    this.#deps = deps;
    this.#seen = new SeenOnce(2 * WINDOW_MS, deps.now);
  }

  /** Checks the headers `x-slack-request-timestamp` and `x-slack-signature` of a body. Takes note of it if it is good. */
  check(timestamp: unknown, signature: unknown, body: Uint8Array): SignatureProblem | undefined {
    if (typeof timestamp !== 'string' || !/^\d{1,12}$/.test(timestamp)) return 'forged';
    if (typeof signature !== 'string') return 'forged';
    const mac = createHmac('sha256', this.#deps.secret.reveal()).update(`v0:${timestamp}:`).update(body);
    const expected = `v0=${mac.digest('hex')}`;
    if (!isEqual(signature, expected)) return 'forged';
    if (Math.abs(this.#deps.now() - Number(timestamp) * 1000) > WINDOW_MS) return 'stale';
    const first = this.#seen.take(expected);
    return first === 'first' ? undefined : first;
  }
}

function isEqual(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
