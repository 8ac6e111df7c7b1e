/**
 * One pass through the ledger, oldest entry first: tells the parts of a report what happened in the period, with who it was and, of
 * statements, how they ended. Memory is bounded: of sessions and statements that are open at a time, so many are kept.
 */
import type { LedgerEntry, LedgerEvent } from '../model/ledger-entry.ts';
import type { FilterScope } from './filter-text.ts';

type EventOf<Kind extends LedgerEvent['kind']> = Extract<LedgerEvent, { kind: Kind }>;

export type SessionOpened = EventOf<'session-opened'>;

/** A statement within the period. */
export interface Asked {
  readonly seq: number;
  readonly at: number;
  readonly session: SessionOpened;
  readonly event: EventOf<'statement'>;
}

/** What a part of a report wants to hear. Entries of other databases are left out, if the scope names one. */
export interface ReportPart {
  /** Any entry within the period but statements and outcomes; `session` is whose it is, if it is one's. */
  entry?(entry: LedgerEntry, session: SessionOpened | undefined): void;
  statement?(asked: Asked): void;
  outcome?(asked: Asked, outcome: EventOf<'outcome'>): void;
  /** It was let through, its session is over, and nothing says how it ended. */
  unended?(asked: Asked): void;
}

/** How far beyond the period outcomes are looked for. */
const OUTCOME_GRACE_MS = 24 * 3600_000;
/** Sessions that a crash left without an end are forgotten, the oldest first, beyond so many. */
const MAX_SESSIONS = 200_000;
/** What statements that wait for their outcome may weigh, in characters: beyond that, those of the oldest sessions count as unended. */
const MAX_WAITING_WEIGHT = 100_000_000;
/** Of a statement, besides its text. */
const STATEMENT_WEIGHT = 1000;

interface OpenSession {
  readonly opened: SessionOpened;
  readonly asked: Map<number, Asked>;
}

export class LedgerWalk {
  readonly #scope: FilterScope;
  readonly #parts: readonly ReportPart[];
  readonly #sessions = new Map<string, OpenSession>();
  readonly #maxWeight: number;
  #waiting = 0;
  #weight = 0;
  #count = 0;
  #first: number | undefined;
  #last: number | undefined;

  constructor(scope: FilterScope, parts: readonly ReportPart[], maxWeight = MAX_WAITING_WEIGHT) {
    this.#maxWeight = maxWeight;
    this.#scope = scope;
    this.#parts = parts;
  }

  /** Entries within the period. */
  get entries(): { readonly count: number; readonly first?: number; readonly last?: number } {
    const [first, last] = [this.#first, this.#last];
    return {
      count: this.#count,
      ...(first === undefined ? {} : { first }),
      ...(last === undefined ? {} : { last }),
    };
  }

  async run(entries: AsyncIterable<LedgerEntry>): Promise<void> {
    for await (const entry of entries) {
      const beyond = entry.at - this.#scope.to;
      if (beyond >= OUTCOME_GRACE_MS || (beyond >= 0 && this.#waiting === 0)) break;
      this.#take(entry);
    }
    for (const session of this.#sessions.values()) this.#end(session);
  }

  #take(entry: LedgerEntry): void {
    const { event, at, seq } = entry;
    if (event.kind === 'session-opened') this.#open(event);
    const session =
      'session' in event && event.session !== undefined ? this.#sessions.get(event.session) : undefined;
    const isWithin = at >= this.#scope.from && at < this.#scope.to;
    if (isWithin) {
      this.#count += 1;
      this.#first ??= seq;
      this.#last = seq;
    }
    if (event.kind === 'outcome') this.#outcome(event, session);
    else if (event.kind === 'statement') {
      if (isWithin && session !== undefined)
        this.#statement({ seq, at, session: session.opened, event }, session);
    } else if (isWithin && this.#isWanted(event, session)) {
      for (const part of this.#parts) part.entry?.(entry, session?.opened);
    }
    if (event.kind === 'session-closed' && session !== undefined) {
      this.#end(session);
      this.#sessions.delete(event.session);
    }
  }

  #open(event: SessionOpened): void {
    this.#sessions.set(event.session, { opened: event, asked: new Map() });
    if (this.#sessions.size <= MAX_SESSIONS) return;
    const [oldest, session] = this.#sessions.entries().next().value as [string, OpenSession];
    this.#end(session);
    this.#sessions.delete(oldest);
  }

  #statement(asked: Asked, session: OpenSession): void {
    if (!this.#isDatabase(session.opened.database)) return;
    for (const part of this.#parts) part.statement?.(asked);
    // What is not let through never has an outcome.
    if (asked.event.decision !== 'allow') return;
    session.asked.set(asked.event.statement, asked);
    this.#waiting += 1;
    this.#weight += weightOf(asked);
    if (this.#weight > this.#maxWeight) this.#endOldest();
  }

  /** Half of what waits at once, so that this is seldom. */
  #endOldest(): void {
    for (const session of this.#sessions.values()) {
      if (this.#weight <= this.#maxWeight / 2) return;
      this.#end(session);
    }
  }

  #outcome(event: EventOf<'outcome'>, session: OpenSession | undefined): void {
    const asked = session?.asked.get(event.statement);
    if (session === undefined || asked === undefined) return;
    session.asked.delete(event.statement);
    this.#waiting -= 1;
    this.#weight -= weightOf(asked);
    for (const part of this.#parts) part.outcome?.(asked, event);
  }

  #end(session: OpenSession): void {
    for (const asked of session.asked.values()) {
      this.#weight -= weightOf(asked);
      for (const part of this.#parts) part.unended?.(asked);
    }
    this.#waiting -= session.asked.size;
    session.asked.clear();
  }

  #isWanted(event: LedgerEvent, session: OpenSession | undefined): boolean {
    const named = session?.opened.database ?? ('database' in event ? event.database : undefined);
    return named === undefined || this.#isDatabase(named);
  }

  #isDatabase(name: string): boolean {
    return this.#scope.database === undefined || this.#scope.database === name;
  }
}

const weightOf = ({ event }: Asked): number => STATEMENT_WEIGHT + event.text.length;

/** `report-bot for bob`. */
export function whoOf({ principal, onBehalfOf }: Pick<SessionOpened, 'principal' | 'onBehalfOf'>): string {
  return [principal, ...onBehalfOf].join(' for ');
}
