/** Answers to requests: who may give them, what they come to, and that each is recorded before it counts. */
import type { Ledger } from '../ledger/ledger.ts';
import type { ApprovalRequest, ApprovalVote } from '../model/approval.ts';
import type { Actor, Principal } from '../model/principal.ts';
import type { ApprovalRecord } from '../store/store.ts';
import { areOpen } from './open-windows.ts';
import { answeringGroups, missingApprovals } from './quorum.ts';
import type { RequestBook } from './request-book.ts';
import { checkAutomaticVote, checkVote } from './vote-rules.ts';

/** What an automatic reviewer says. */
export interface AutomaticAnswer {
  readonly verdict: ApprovalVote['verdict'];
  readonly reason: string;
}

export class Voting {
  readonly #book: RequestBook;
  readonly #ledger: Pick<Ledger, 'durable'>;
  readonly #now: () => number;

  constructor(book: RequestBook, ledger: Pick<Ledger, 'durable'>, now: () => number) {
    this.#book = book;
    this.#ledger = ledger;
    this.#now = now;
  }

  /** A person's answer. */
  async vote(
    id: string,
    voter: Actor,
    verdict: 'approve' | 'deny',
    reason?: string,
    via?: string,
  ): Promise<ApprovalRequest> {
    return this.#cast(id, (request) => {
      checkVote(request, voter, verdict, this.#now(), reason);
      return {
        ...this.#voteOf(request, voter.principal, verdict),
        ...(reason === undefined ? {} : { reason }),
        ...(via === undefined ? {} : { via }),
      };
    });
  }

  /** An automatic reviewer's answer. It says yes or no only while people could, too. */
  async voteAutomatically(
    id: string,
    reviewer: Principal,
    answer: AutomaticAnswer,
  ): Promise<ApprovalRequest> {
    return this.#cast(id, (request) => {
      checkAutomaticVote(request, reviewer);
      const { verdict, reason } = areOpen(request.rule.answerWithin, this.#now())
        ? answer
        : { verdict: 'escalate' as const, reason: 'no answers are taken at this time' };
      return { ...this.#voteOf(request, reviewer, verdict), reason, automatic: true };
    });
  }

  /** Nobody has settled it in time, or an automatic reviewer leaves it to people: more people may answer from now on. */
  async escalate(id: string): Promise<ApprovalRequest> {
    const escalated = await this.#book.inTurnOf(id, async (found) =>
      this.#escalate(await this.#book.expireIfDue(found)),
    );
    return escalated.request;
  }

  async #escalate(record: ApprovalRecord): Promise<ApprovalRecord> {
    const { request } = record;
    const { escalation } = request.rule;
    if (escalation === undefined || request.escalated !== undefined || request.state !== 'pending')
      return record;
    const { groups } = escalation;
    await this.#ledger.durable(this.#book.append(request, 'escalated', { groups }));
    return this.#book.replace({
      ...record,
      request: { ...request, escalated: { groups, at: this.#now() } },
    });
  }

  async #cast(id: string, voteOn: (request: ApprovalRequest) => ApprovalVote): Promise<ApprovalRequest> {
    const voted = await this.#book.inTurnOf(id, async (found) => {
      const record = await this.#book.expireIfDue(found);
      return this.#count(record, voteOn(record.request));
    });
    return voted.request;
  }

  async #count(record: ApprovalRecord, vote: ApprovalVote): Promise<ApprovalRecord> {
    const { principal: by, verdict, reason, via, automatic } = vote;
    const why = reason === undefined ? {} : { reason };
    const seq = this.#book.append(record.request, 'vote', {
      ...{ by, verdict, ...why },
      ...(via === undefined ? {} : { via }),
      ...(automatic === undefined ? {} : { automatic }),
    });
    const request = { ...record.request, votes: [...record.request.votes, vote] };
    const changed = { ...record, request };
    if (verdict === 'deny') return this.#book.move(changed, 'denied', { by, ...why });
    if (missingApprovals(request) === 0) {
      const { validMs } = request.rule;
      const until = validMs === undefined ? {} : { expiresAt: vote.at + validMs };
      return this.#book.move({ ...changed, request: { ...request, ...until } }, 'approved', { by, ...why });
    }
    await this.#ledger.durable(seq);
    const counted = await this.#book.replace(changed);
    return verdict === 'escalate' ? this.#escalate(counted) : counted;
  }

  #voteOf(
    request: ApprovalRequest,
    { id, groups }: Principal,
    verdict: ApprovalVote['verdict'],
  ): ApprovalVote {
    const asked = answeringGroups(request);
    return {
      principal: id,
      verdict,
      at: this.#now(),
      groups: groups.filter((group) => asked.includes(group)),
    };
  }
}
