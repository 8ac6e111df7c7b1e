/** What an approval gives beyond one statement: a shape of statement many times, or access for a time. Pure types. */
import type { ApprovalRule } from './decision.ts';
import type { TouchedLabels } from './labels.ts';
import type { ParameterValue } from './session.ts';

/** What one value of a statement may be. Numbers are decimal texts; both ends of a range belong to it. */
export type ValueBound =
  | { readonly is: ParameterValue }
  | { readonly from: string; readonly to: string }
  | { readonly oneOf: readonly string[] }
  | { readonly any: true };

/** A statement with its exchangeable literals cut out. */
export interface StatementShape {
  /** Hex SHA-256 over the tokens and those literals that may not be exchanged. */
  readonly digest: string;
  /** Those that may, in order: digits, or the content of a string. */
  readonly literals: readonly string[];
}

/** What an approver grants instead of one statement. */
export interface GrantTerms {
  /** How often it may run, the statement that was asked for included. */
  readonly times: number;
  /** How long, from the moment the approval is complete. */
  readonly forMs: number;
  /** How many rows each of them may change or return; whatever touches more is rolled back. */
  readonly maxRows?: number;
  /** A bound for each parameter, and for each exchangeable literal. */
  readonly parameters: readonly ValueBound[];
  readonly literals: readonly ValueBound[];
}

/** Present where values of labelled columns may stand in a statement: of which columns, and the statement without values. */
export interface HiddenValues {
  readonly labelled: TouchedLabels;
  readonly statement: string;
}

/** What may be asked for a time. */
export type AccessRight = { readonly group: string } | { readonly unmask: string; readonly database: string };

export interface AccessWish {
  readonly right: AccessRight;
  readonly forMs: number;
}

export type GrantState = 'active' | 'used-up' | 'expired' | 'revoked';

interface GrantBase {
  /** `grt_` and 10 characters. */
  readonly id: string;
  readonly state: GrantState;
  /** The approval request that it came from. */
  readonly request: string;
  readonly principal: string;
  readonly onBehalfOf: readonly string[];
  readonly grantedBy: readonly string[];
  /** Who may give such a thing, and so who may take it back. */
  readonly rule: ApprovalRule;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly until: number;
  /** Who took it back, and why. */
  readonly revoked?: { readonly by: string; readonly reason?: string };
}

export interface ShapeGrant extends GrantBase {
  readonly kind: 'shape';
  readonly database: string;
  readonly shape: string;
  readonly objectsDigests: readonly string[];
  /** The statement that was asked for. */
  readonly statement: string;
  readonly terms: GrantTerms;
  /** As that of the request. */
  readonly hidden?: HiddenValues;
  /** How often it ran, or was about to. */
  readonly used: number;
}

export interface AccessGrant extends GrantBase {
  readonly kind: 'access';
  readonly right: AccessRight;
}

export type Grant = ShapeGrant | AccessGrant;

/** A statement that is about to run, as shape grants see it. */
export interface ShapeUse {
  readonly principal: string;
  readonly onBehalfOf: readonly string[];
  readonly database: string;
  readonly shape: string;
  readonly objectsDigests: readonly string[];
  readonly parameters: readonly ParameterValue[];
  readonly literals: readonly string[];
  readonly session: string;
}
