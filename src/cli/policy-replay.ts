/** Recorded statements, decided again: what changes, by principal and shape. Memory is bounded by the number of different texts kept. */
import { LRUCache } from 'lru-cache';
import { SluiceError } from '../errors/sluice-error.ts';
import type { StatementChecker } from '../gateway/postgres/statement-check.ts';
import type { Decision, Outcome } from '../model/decision.ts';
import type { LedgerEntry } from '../model/ledger-entry.ts';
import type { CheckQuery } from '../session/check-report.ts';

/** Statements of one principal and one shape that would be decided otherwise. */
export interface Change {
  readonly principal: string;
  readonly database: string;
  readonly command: string;
  readonly relations: readonly string[];
  readonly from: Outcome;
  readonly to: Outcome;
  /** What decides under the draft. */
  readonly policies: readonly string[];
  readonly count: number;
  /** The first text of the kind. */
  readonly example: string;
}

export interface ReplayReport {
  readonly statements: number;
  readonly same: number;
  readonly undecidable: number;
  /** The most frequent first. */
  readonly changes: readonly Change[];
}

type Asker = Omit<CheckQuery, 'sql'>;
type StatementEvent = Extract<LedgerEntry['event'], { kind: 'statement' }>;

const MAX_KNOWN_TEXTS = 50_000;
const MAX_SESSIONS = 100_000;

export class PolicyReplay {
  readonly #checker: StatementChecker;
  readonly #sessions = new LRUCache<string, Asker>({ max: MAX_SESSIONS });
  readonly #decided = new LRUCache<string, { readonly decision?: Decision }>({ max: MAX_KNOWN_TEXTS });
  readonly #changes = new Map<string, Change & { count: number }>();
  #statements = 0;
  #same = 0;
  #undecidable = 0;

  constructor(checker: StatementChecker) {
    this.#checker = checker;
  }

  /** Takes the next entry of the ledger, in order. Entries before `since` (milliseconds) only tell whose sessions are whose. */
  async entry({ at, event }: LedgerEntry, since: number): Promise<void> {
    if (event.kind === 'session-opened') {
      const { session, principal, onBehalfOf, purpose, database } = event;
      this.#sessions.set(session, {
        principal,
        database,
        ...(onBehalfOf.length === 0 ? {} : { onBehalfOf }),
        ...(purpose === undefined ? {} : { purpose }),
      });
    }
    if (event.kind === 'session-tainted') {
      const asker = this.#sessions.get(event.session);
      const taints = [...(asker?.standing?.taints ?? []), ...event.by];
      if (asker !== undefined) this.#sessions.set(event.session, { ...asker, standing: { taints } });
    }
    if (event.kind === 'taint-cleared') {
      const asker = this.#sessions.get(event.session);
      if (asker !== undefined) this.#sessions.set(event.session, { ...asker, standing: { taints: [] } });
    }
    // What runs by an approval was held before, and stands there once already.
    if (
      event.kind !== 'statement' ||
      at < since ||
      (event.decision === 'allow' && event.approval !== undefined)
    )
      return;
    const asker = this.#sessions.get(event.session);
    this.#statements += 1;
    const decision = asker === undefined ? undefined : await this.#decide(asker, event.text, at);
    if (asker === undefined || decision === undefined) this.#undecidable += 1;
    else if (decision.outcome === event.decision) this.#same += 1;
    else this.#note(asker, event, decision);
  }

  report(): ReplayReport {
    const changes = [...this.#changes.values()].sort((a, b) => b.count - a.count);
    return { statements: this.#statements, same: this.#same, undecidable: this.#undecidable, changes };
  }

  async #decide(asker: Asker, sql: string, at: number): Promise<Decision | undefined> {
    const key = JSON.stringify([asker, sql]);
    const known = this.#decided.get(key);
    if (known !== undefined) return known.decision;
    const decision = await this.#ask({ ...asker, sql }, at);
    this.#decided.set(key, decision === undefined ? {} : { decision });
    return decision;
  }

  /** Statements are recorded one by one: a text that holds several now was never recorded as one. */
  async #ask(query: CheckQuery, at: number): Promise<Decision | undefined> {
    try {
      return (await this.#checker.check(query, at)).statements[0]?.decision;
    } catch (thrown) {
      if (thrown instanceof SluiceError && thrown.code !== 'upstream_unavailable') return undefined;
      throw thrown;
    }
  }

  #note({ principal, database }: Asker, event: StatementEvent, { outcome, policies }: Decision): void {
    const { command, relations, decision: from, text: example } = event;
    const ids = policies.map(({ id }) => id);
    const key = JSON.stringify([principal, database, command, relations, from, outcome, ids]);
    const known = this.#changes.get(key);
    if (known !== undefined) known.count += 1;
    else
      this.#changes.set(key, {
        principal,
        database,
        command,
        relations,
        from,
        to: outcome,
        policies: ids,
        count: 1,
        example,
      });
  }
}
