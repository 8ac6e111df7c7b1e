/** Approval requests. Pure types. */
import type { BlastRadius } from './blast-radius.ts';
import type { ApprovalRule, PolicyRef } from './decision.ts';
import type { Facts } from './facts.ts';
import type { AccessWish, GrantTerms, HiddenValues, StatementShape } from './grant.ts';
import type { AffectedRows } from './preview.ts';
import type { HoldMode, ParameterValue } from './session.ts';

/**
 * `pending` becomes `approved`, `denied`, `expired` or `cancelled`; `approved` becomes `used` when the statement runs, or
 * `expired`, `drifted` or `cancelled`. All others are final.
 */
export type ApprovalState = 'pending' | 'approved' | 'used' | 'denied' | 'expired' | 'drifted' | 'cancelled';

/** What an approval is good for. Two statements with equal bindings are the same thing asked twice. */
export interface ApprovalBinding {
  readonly principal: string;
  readonly onBehalfOf: readonly string[];
  readonly database: string;
  readonly astDigests: readonly string[];
  readonly parameters: readonly ParameterValue[];
  readonly objectsDigests: readonly string[];
  /** By what its text and parameters are read; absent in requests for access. */
  readonly meaning?: StatementMeaning;
}

/** What makes the same text and the same parameters mean something else in another session. */
export interface StatementMeaning {
  /** Values by name, as the session's database says them. */
  readonly settings: Readonly<Record<string, string>>;
  /** Oids, as far as the client has said. */
  readonly parameterTypes: readonly number[];
}

export interface ApprovalVote {
  readonly principal: string;
  /** `escalate` decides nothing: an automatic reviewer leaves it to people. */
  readonly verdict: 'approve' | 'deny' | 'escalate';
  readonly reason?: string;
  /** The account of a chat by which the voter was known; absent if they showed a token. */
  readonly via?: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Groups of the rule of which they were a member. */
  readonly groups?: readonly string[];
  /** Present if no person gave it. */
  readonly automatic?: true;
  /** What they would grant instead of one statement; it counts if all who approve say the same. */
  readonly terms?: GrantTerms;
}

/** Nobody had settled it in time, so members of these groups may answer in anybody's place. */
export interface Escalation {
  readonly groups: readonly string[];
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** What a preview found. */
export interface PreviewedRows {
  readonly by: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly affected: AffectedRows;
  /** Type oids of all parameters, as the database found them. */
  readonly parameterTypes: readonly number[];
}

/** The rows that an approval is good for. */
export interface RowBinding extends Pick<PreviewedRows, 'affected' | 'parameterTypes'> {
  readonly request: string;
}

/** Where a session looks up the names in a statement, and the types of its parameters. */
export interface StatementNames {
  readonly searchPath: readonly string[];
  /** Its current user. */
  readonly user: string;
  /** As far as the client has said. */
  readonly parameterTypes: readonly number[];
}

export interface ApprovalRequest {
  /** Short enough to type: `apr_` and 10 characters. */
  readonly id: string;
  readonly state: ApprovalState;
  readonly binding: ApprovalBinding;
  /** Hex SHA-256 of the canonical JSON of `binding`. */
  readonly bindingDigest: string;
  readonly sessionId: string;
  /** Whether the session waits in its connection; if not, the request outlives the session. */
  readonly holdMode: HoldMode;
  readonly statement: string;
  readonly facts: readonly Facts[];
  readonly hidden?: HiddenValues;
  /** Present if its values are not shown to whoever looks. Never stored. */
  readonly valuesHidden?: true;
  /** Present if others of its shape can be granted with it. */
  readonly shape?: StatementShape;
  /** Present if it asks for access instead of a statement. */
  readonly access?: AccessWish;
  /** The grant that was given with the approval. */
  readonly grant?: string;
  /** How far each statement reaches, as far as that was known when it was held. */
  readonly blastRadius?: readonly BlastRadius[];
  /** How its names and parameters are to be read, for a preview. */
  readonly names?: StatementNames;
  /** The last preview before anybody approved: then what is approved is good for these rows only. */
  readonly previewed?: PreviewedRows;
  readonly purpose?: string;
  readonly policies: readonly PolicyRef[];
  readonly policyVersion: string;
  readonly rule: ApprovalRule;
  readonly votes: readonly ApprovalVote[];
  readonly escalated?: Escalation;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Of the request while it is pending; of the approval, from then on. */
  readonly expiresAt: number;
}
