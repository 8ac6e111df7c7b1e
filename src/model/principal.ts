/** Who acts. Pure types. */

export type PrincipalKind = 'Human' | 'Agent' | 'Service';

/** A principal as configured. `id` is unique over all kinds and is what a client sends as its user name. */
export interface Principal {
  readonly id: string;
  readonly kind: PrincipalKind;
  readonly displayName?: string;
  readonly groups: readonly string[];
}

/** Access for a time, as an actor has it at one moment. */
export interface LentAccess {
  /** Differs for whatever else is lent; without spaces. */
  readonly key: string;
  /** Labels that it may see though no policy permits it. What a policy forbids stays forbidden. */
  readonly unmask: readonly { readonly label: string; readonly database: string }[];
}

/**
 * A principal as it acts in a session: with the chain it acts for (`act` of RFC 8693, nearest first) and why.
 * `onBehalfOf` is empty for whoever acts for themself.
 */
export interface Actor {
  readonly principal: Principal;
  readonly onBehalfOf: readonly Principal[];
  readonly purpose?: string;
  /** What it has for a time; its groups hold what it is lent of them. */
  readonly lent?: LentAccess;
  /** The token that identified it: for revocation and the record; never the token's secret. */
  readonly tokenId?: string;
}
