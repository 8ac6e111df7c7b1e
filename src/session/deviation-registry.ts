/** What was found out of the ordinary of principals lately, for policies to see. One in each process that serves; told by the primary. */

/** A finding that counts, until then (milliseconds since the epoch). */
export interface DeviationNews {
  readonly principal: string;
  /** What the finding is about: see docs/behaviour.md. */
  readonly rule: string;
  readonly until: number;
}

const NONE: readonly string[] = [];

export class DeviationRegistry {
  readonly #now: () => number;
  #byPrincipal: ReadonlyMap<string, readonly DeviationNews[]> = new Map();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** All there are from now on. */
  install(news: readonly DeviationNews[]): void {
    this.#byPrincipal = Map.groupBy(news, ({ principal }) => principal);
  }

  /** The rules, sorted; one empty list while there are none. */
  of(principal: string): readonly string[] {
    const found = this.#byPrincipal.get(principal);
    if (found === undefined) return NONE;
    const now = this.#now();
    const rules = found.filter(({ until }) => until > now).map(({ rule }) => rule);
    return rules.length === 0 ? NONE : [...new Set(rules)].sort();
  }
}
