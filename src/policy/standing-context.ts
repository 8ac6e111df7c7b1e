/**
 * What policies see of a session's standing, and what of it can make a difference: a number that policies only compare with literals
 * matters by where it lies between them. Pure.
 */
import { BUDGET_COUNTS, type BudgetCount, type Standing } from '../model/standing.ts';
import type { CedarValueJson } from './cedar.ts';
import type { Relevance } from './relevance.ts';

/** Attributes of the context, with their Cedar types; what is left of budgets only where one applies. */
export const STANDING_ATTRIBUTES = {
  tainted: 'Bool',
  taints: 'Set<String>',
  deviations: 'Set<String>',
  'statementsLeft?': 'Long',
  'rowsLeft?': 'Long',
  'bytesLeft?': 'Long',
  'unmaskedLeft?': 'Long',
  'writtenLeft?': 'Long',
  'heldLeft?': 'Long',
} as const satisfies Readonly<Record<string, string>>;

const attributeOf = (count: BudgetCount): string => `${count}Left`;

/** Attributes that some policies look at, in order, with the literals that each is compared with if nothing else is done with it. */
type Watched = readonly (readonly [name: string, thresholds: readonly number[] | undefined])[];

export class StandingWatch {
  readonly #watched: Watched;
  readonly #counts: readonly BudgetCount[];
  readonly #watchesDeviations: boolean;

  /** @param relevances what policies look at, of every action that matters */
  constructor(relevances: readonly Relevance[]) {
    const names = Object.keys(STANDING_ATTRIBUTES).map((name) => name.replace('?', ''));
    this.#watched = names
      .filter((name) => relevances.some(({ context }) => context.includes(name)))
      .map((name) => [name, thresholdsOf(relevances, name)] as const);
    this.#watchesDeviations = this.#watched.some(([name]) => name === 'deviations');
    this.#counts = BUDGET_COUNTS.filter((count) =>
      this.#watched.some(([name]) => name === attributeOf(count)),
    );
  }

  /** The part of a context. What no policy looks at is not worked out. */
  contextOf(standing: Standing): Record<string, CedarValueJson> {
    const context: Record<string, CedarValueJson> = {
      tainted: standing.taints.length > 0,
      taints: [...standing.taints],
      deviations: this.#watchesDeviations ? [...standing.deviations] : [],
    };
    for (const count of this.#counts) {
      const left = standing.left(count);
      if (left !== undefined) context[attributeOf(count)] = left;
    }
    return context;
  }

  /** Equal for standings that no policy can tell apart. Empty if none looks at them. */
  keyOf(standing: Standing): string {
    if (this.#watched.length === 0) return '';
    const context = this.contextOf(standing);
    return JSON.stringify(
      this.#watched.map(([name, thresholds]) => {
        const value = context[name];
        return thresholds === undefined ? value : placeAmong(thresholds, value);
      }),
    );
  }
}

/** Where a number lies among sorted ones: before, between or at them. Anything else stands for itself. */
export function placeAmong(thresholds: readonly number[], value: unknown): unknown {
  if (typeof value !== 'number') return value;
  const at = thresholds.findIndex((threshold) => threshold >= value);
  if (at < 0) return thresholds.length;
  return thresholds[at] === value ? at : at - 0.5;
}

function thresholdsOf(relevances: readonly Relevance[], name: string): readonly number[] | undefined {
  const looking = relevances.filter(({ context }) => context.includes(name));
  const found = looking.map(({ thresholds }) => thresholds.get(name));
  if (found.includes(undefined)) return undefined;
  return [...new Set(found.flatMap((one) => one ?? []))].sort((a, b) => a - b);
}
