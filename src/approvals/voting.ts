/** Answers to requests: who may give them, what they come to, and that each is recorded before it counts. */
import type { Ledger } from '../ledger/ledger.ts';
import type { ApprovalRequest, ApprovalVote } from '../model/approval.ts';
import type { GrantTerms } from '../model/grant.ts';
import type { Actor, Principal } from '../model/principal.ts';
import type { ApprovalRecord } from '../store/store.ts';
import { areSameTerms, checkTerms, type Grants } from './grants.ts';
import { areOpen } from './open-windows.ts';
import { answeringGroups, missingApprovals } from './quorum.ts';
import type { Particulars, RequestBook } from './request-book.ts';
import { newGrantId } from './request-id.ts';
import { checkAutomaticVote, checkVote, lacksPreview } from './vote-rules.ts';

/** What an automatic reviewer says. */
export interface AutomaticAnswer {
  readonly verdict: ApprovalVote['verdict'];
  readonly reason: string;
}

/** What a vote may say beside its verdict. */
interface VoteParticulars {
  /** Who vouches for the voter, where that is not the gate itself. */
  readonly via?: string;
  /** What they would grant instead of one statement. */
  readonly terms?: GrantTerms;
}

export interface VotingOptions {
  readonly book: RequestBook;
  readonly ledger: Pick<Ledger, 'durable'>;
  readonly grants: Grants;
  readonly now: () => number;
}

export class Voting {
  readonly #book: RequestBook;
  readonly #ledger: VotingOptions['ledger'];
  readonly #grants: Grants;
  readonly #now: () => number;

  constructor({ book, ledger, grants, now }: VotingOptions) {
    this.#book = book;
    this.#ledger = ledger;
    this.#grants = grants;
    this.#now = now;
  }

  /** A person's answer. */
  async vote(
    id: string,
    voter: Actor,
    verdict: 'approve' | 'deny',
    reason?: string,
    more: VoteParticulars = {},
  ): Promise<ApprovalRequest> {
    return this.#cast(id, (request) => {
      checkVote(request, voter, verdict, this.#now(), reason);
      if (more.terms !== undefined) checkTerms(request, more.terms);
      return {
        ...this.#voteOf(request, voter.principal, verdict),
        ...(reason === undefined ? {} : { reason }),
        ...more,
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
      const silence = this.#silence(request);
      const { verdict, reason } =
        silence === undefined ? answer : { verdict: 'escalate' as const, reason: silence };
      return { ...this.#voteOf(request, reviewer, verdict), reason, automatic: true };
    });
  }

  /** Why it says neither yes nor no. */
  #silence(request: ApprovalRequest): string | undefined {
    if (!areOpen(request.rule.answerWithin, this.#now())) return 'no answers are taken at this time';
    return lacksPreview(request) ? 'nobody has seen a preview' : undefined;
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
    if (missingApprovals(request) === 0) return this.#approve(changed, { by, ...why });
    await this.#ledger.durable(seq);
    const counted = await this.#book.replace(changed);
    return verdict === 'escalate' ? this.#escalate(counted) : counted;
  }

  async #approve(record: ApprovalRecord, particulars: Particulars): Promise<ApprovalRecord> {
    const { request } = record;
    const { validMs } = request.rule;
    const until = validMs === undefined ? {} : { expiresAt: this.#now() + validMs };
    const { access } = request;
    const terms = agreedTerms(request);
    const given = terms === undefined && access === undefined ? {} : { grant: newGrantId() };
    const approved = await this.#book.move(
      { ...record, request: { ...request, ...until, ...given } },
      'approved',
      { ...particulars, ...given },
    );
    // Should this fail, the grant that the request names is not there, and nothing runs by it.
    const { grant, shape } = approved.request;
    if (terms !== undefined && grant !== undefined && shape !== undefined)
      await this.#grants.give(grant, approved.request, shape.digest, terms);
    if (access === undefined || grant === undefined) return approved;
    await this.#grants.lend(grant, approved.request, access);
    return this.#book.move(approved, 'used', {});
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

/** What everybody who approved would grant; undefined if they do not agree, or one of them approved the one statement only. */
function agreedTerms({ votes }: ApprovalRequest): GrantTerms | undefined {
  const [first, ...rest] = votes.filter(({ verdict }) => verdict === 'approve').map(({ terms }) => terms);
  return rest.every((terms) => areSameTerms(first, terms)) ? first : undefined;
}
