/** What was approved may have to wait for its hour. */
import { timeWindowText } from '../config/time-window.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { ApprovalRequest } from '../model/approval.ts';
import type { ApprovalRule } from '../model/decision.ts';
import { refusalDetail } from '../policy/refusal-detail.ts';
import { areOpen } from './open-windows.ts';
import type { RequestBook } from './request-book.ts';
import type { ApprovalAnswer } from './waiters.ts';

/** How often an approval that may not run yet is looked at again. */
const CHECK_MS = 10_000;

interface Waiting {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly isClosed: () => boolean;
  /** Aborted when whoever waits is gone. */
  readonly signal: AbortSignal;
}

/** Resolves when an approved request may run, or never will: with what became of it. @throws {SluiceError} store_unavailable, ledger_* */
export async function untilRunnable(
  book: RequestBook,
  id: string,
  { now, isClosed, signal }: Waiting,
): Promise<ApprovalAnswer> {
  for (;;) {
    const { state, rule, expiresAt } = await book.current(await book.require(id));
    if (state !== 'approved') return state === 'pending' || state === 'used' ? 'cancelled' : state;
    if (areOpen(rule.runWithin, now())) return 'approved';
    if (isClosed() || signal.aborted) return 'cancelled';
    await pause(Math.max(0, Math.min(CHECK_MS, expiresAt - now())), signal);
  }
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, delayMs);
  const stop = () => resolve();
  signal.addEventListener('abort', stop, { once: true });
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  });
}

export const timesText = (windows: ApprovalRule['runWithin'] = []): string =>
  windows.map(timeWindowText).join(' and ');

/** What is told of a claim outside of its hours. The approval stays. */
export function notNow({ id, rule, policies, facts, expiresAt }: ApprovalRequest): SluiceError {
  return new SluiceError(
    'approval_not_now',
    `request ${id} is approved, and may run ${timesText(rule.runWithin)}`,
    {
      detail: refusalDetail('approval_not_now', { request: id, policies, facts, expiresAt }),
      policies: policies.map((policy) => policy.id),
    },
  );
}
