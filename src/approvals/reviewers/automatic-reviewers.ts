/**
 * Asks automatic reviewers about requests in which they have a voice, and counts what they say. One that fails, is slow, or says what
 * cannot be understood leaves it to people: never does a failure approve. Nothing waits for them.
 */
import { asSluiceError } from '../../errors/sluice-error.ts';
import type { ApprovalRequest } from '../../model/approval.ts';
import type { Principal } from '../../model/principal.ts';
import type { Approvals } from '../approvals.ts';
import { summaryOf } from '../notifications/request-summary.ts';
import type { SignedTarget } from '../notifications/signed-post.ts';
import { answeringGroups } from '../quorum.ts';
import type { AutomaticAnswer } from '../voting.ts';
import { askByCommand, type CommandTarget } from './command-reviewer.ts';
import { askByHttp } from './http-reviewer.ts';

/** One reviewer. */
export interface Reviewer {
  /** As whom it answers: its groups say in which requests. */
  readonly principal: Principal;
  readonly target: SignedTarget | CommandTarget;
  /** Whether it is told the text of the statement. */
  readonly includeStatement: boolean;
}

export interface AutomaticReviewersOptions {
  readonly reviewers: readonly Reviewer[];
  readonly approvals: Pick<Approvals, 'get' | 'list' | 'voteAutomatically'>;
  readonly publicUrl?: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told of each answer, and why there was none; `result` is a verdict or `failed`. Must not throw. */
  readonly report: (reviewer: string, result: AutomaticAnswer['verdict'] | 'failed', why?: string) => void;
}

/** Questions to one reviewer at once. */
const MAX_AT_ONCE = 4;
/** Requests that are looked for after a start. */
const MAX_LISTED = 100_000;

/** What one reviewer has to do. Bounded by the number of requests that may be pending. */
interface Desk {
  readonly reviewer: Reviewer;
  readonly waiting: Set<string>;
  readonly asked: Set<string>;
}

export class AutomaticReviewers {
  readonly #o: AutomaticReviewersOptions;
  readonly #desks: readonly Desk[];
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(options: AutomaticReviewersOptions) {
    this.#o = options;
    this.#desks = options.reviewers.map((reviewer) => ({ reviewer, waiting: new Set(), asked: new Set() }));
  }

  /** Asks about what was pending before. */
  async start(): Promise<void> {
    if (this.#desks.length === 0) return;
    for (const request of await this.#o.approvals.list({ state: 'pending', limit: MAX_LISTED }))
      this.consider(request);
  }

  /** A request was made or has changed: asks those who have a voice now and have not answered. */
  consider(request: ApprovalRequest): void {
    for (const desk of this.#desks) {
      if (desk.waiting.has(request.id) || desk.asked.has(request.id)) continue;
      if (!mayAnswer(desk.reviewer, request)) continue;
      desk.waiting.add(request.id);
      this.#next(desk);
    }
  }

  /** Asks nobody any more; resolves when what was being asked has ended. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#running);
  }

  #next(desk: Desk): void {
    if (this.#closing.signal.aborted || desk.asked.size >= MAX_AT_ONCE) return;
    const [id] = desk.waiting;
    if (id === undefined) return;
    desk.waiting.delete(id);
    desk.asked.add(id);
    const review = this.#review(desk.reviewer, id).finally(() => {
      desk.asked.delete(id);
      this.#running.delete(review);
      this.#next(desk);
    });
    this.#running.add(review);
  }

  /** Never rejects. */
  async #review(reviewer: Reviewer, id: string): Promise<void> {
    const { approvals, report } = this.#o;
    const { principal } = reviewer;
    try {
      const request = await approvals.get(id);
      if (request === undefined || !mayAnswer(reviewer, request)) return;
      const answer = await this.#ask(reviewer, request);
      // A question that was broken off is asked again by whoever serves next.
      if (this.#closing.signal.aborted) return;
      await approvals.voteAutomatically(id, principal, answer);
    } catch (thrown) {
      const { code, message } = asSluiceError(thrown);
      // Somebody else has settled it meanwhile.
      if (code !== 'conflict' && code !== 'not_found') report(principal.id, 'failed', message);
    }
  }

  async #ask(reviewer: Reviewer, request: ApprovalRequest): Promise<AutomaticAnswer> {
    const { report, now, publicUrl } = this.#o;
    const { principal, target, includeStatement } = reviewer;
    const data = summaryOf(request, { includeStatement, ...(publicUrl === undefined ? {} : { publicUrl }) });
    const body = JSON.stringify({ type: 'approval.review', timestamp: new Date(now()).toISOString(), data });
    const { signal } = this.#closing;
    try {
      const answer =
        'command' in target
          ? await askByCommand(target, body, signal)
          : await askByHttp(target, { id: `${request.id}_${principal.id}_${now()}`, body }, now, signal);
      report(principal.id, answer.verdict);
      return answer;
    } catch (thrown) {
      const why = (thrown as Error).message;
      if (!signal.aborted) report(principal.id, 'failed', why);
      return { verdict: 'escalate', reason: `the automatic review failed: ${why}` };
    }
  }
}

function mayAnswer({ principal: { id, groups } }: Reviewer, request: ApprovalRequest): boolean {
  const { state, votes, binding } = request;
  return (
    state === 'pending' &&
    answeringGroups(request).some((group) => groups.includes(group)) &&
    !votes.some(({ principal }) => principal === id) &&
    binding.principal !== id &&
    !binding.onBehalfOf.includes(id)
  );
}
