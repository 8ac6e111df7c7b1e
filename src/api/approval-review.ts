/** What the API gets to know of a request for whoever looks at it: how it is shown, and what helps to judge it. */
import type { ApprovalRequest, ApprovalState, ApprovalVote } from '../model/approval.ts';
import type { HazardKind } from '../model/facts.ts';
import type { Grant } from '../model/grant.ts';
import type { Actor } from '../model/principal.ts';

/** An earlier request of the same principal for the same kind of thing. */
export interface SimilarRequest {
  readonly id: string;
  readonly state: ApprovalState;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly votes: readonly Pick<ApprovalVote, 'principal' | 'verdict' | 'reason'>[];
}

/** What helps to judge a request. */
export interface Review {
  /** The statement laid out: only white space differs. */
  readonly statement: string;
  /** Parts of it that make it risky, or names that may be taken for others, [start, end) in UTF-16 code units; in order, none in another. */
  readonly marks: readonly {
    readonly start: number;
    readonly end: number;
    readonly hazard: HazardKind | 'looks-like-another';
  }[];
  /** What it does, in words. */
  readonly facts: readonly string[];
  /** The newest first. */
  readonly similar: readonly SimilarRequest[];
}

export interface ReviewDesk {
  /** The request as this actor may see it: without values that they may not see. */
  revealed(request: ApprovalRequest, actor: Actor): ApprovalRequest;
  /** The same for a grant. */
  revealedGrant(grant: Grant, actor: Actor): Grant;
  review(request: ApprovalRequest, actor: Actor): Promise<Review>;
}
