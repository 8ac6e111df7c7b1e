/** A statement decided without being run: what is asked and what comes of it. Pure. */
import type { BlastRadius } from '../model/blast-radius.ts';
import type { Decision } from '../model/decision.ts';
import type { Facts } from '../model/facts.ts';
import type { BudgetCount, Standing } from '../model/standing.ts';

/** Who would run what, where. All names are as configured. */
export interface CheckQuery {
  readonly principal: string;
  /** Nearest first. */
  readonly onBehalfOf?: readonly string[];
  readonly purpose?: string;
  readonly database: string;
  readonly sql: string;
  /** Where the session would stand; that of a new one, under no budget, if absent. */
  readonly standing?: SupposedStanding;
}

/** A standing as somebody supposes it. */
export interface SupposedStanding {
  readonly taints?: readonly string[];
  readonly deviations?: readonly string[];
  readonly left?: Readonly<Partial<Record<BudgetCount, number>>>;
}

export function standingOf({ taints = [], deviations = [], left = {} }: SupposedStanding = {}): Standing {
  return {
    taints: [...new Set(taints)].sort(),
    deviations: [...new Set(deviations)].sort(),
    left: (count) => left[count],
  };
}

/** UTF-16 offsets, the end exclusive. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

export interface CheckedStatement {
  readonly text: string;
  /** Where it stands in the text that was checked: UTF-16 offsets, the end exclusive. */
  readonly start: number;
  readonly end: number;
  readonly facts: Facts;
  readonly decision: Decision;
  /** Where each of the hazards stands in the text that was checked, in their order; null where nobody can tell. */
  readonly hazardPlaces: readonly (Extent | null)[];
  readonly blastRadius?: BlastRadius;
}

/** One entry a statement of the text, in its order. */
export interface CheckReport {
  readonly statements: readonly CheckedStatement[];
  /** What would be sent to the database: the text itself, unless something is masked. */
  readonly rewritten: string;
}

/** Decides as the gate would now. Throws SluiceError as a session would see it (syntax_error, not_found, …). */
export type Checker = (query: CheckQuery) => Promise<CheckReport>;
