/** Puts to an entry what other entries say about it: whose session it is, and what an outcome is the outcome of. */
import { LRUCache } from 'lru-cache';
import type { LedgerEntry, LedgerEvent } from '../model/ledger-entry.ts';
import type { ExportState } from './export-state.ts';
import type { AskedStatement, KnownEntry } from './sinks/sink.ts';

/** Statements that wait for their outcome, with some room: there are no more than sessions. */
const MAX_STATEMENTS = 20_000;

export class Enrichment {
  readonly #state: ExportState;
  readonly #statements = new LRUCache<string, AskedStatement>({ max: MAX_STATEMENTS });

  constructor(state: ExportState) {
    this.#state = state;
  }

  /** To be given every entry, in the order of the log. */
  know(entry: LedgerEntry): KnownEntry {
    this.#state.observe(entry);
    const { event } = entry;
    const session = sessionOf(event);
    return {
      entry,
      context: session === undefined ? undefined : this.#state.session(session),
      statement: this.#statement(event),
    };
  }

  #statement(event: LedgerEvent): AskedStatement | undefined {
    if (event.kind === 'statement') {
      const { session, statement, command, decision, relations } = event;
      const asked = { command, decision, relations };
      this.#statements.set(`${session}/${statement}`, asked);
      return asked;
    }
    return event.kind === 'outcome' ? this.#statements.get(`${event.session}/${event.statement}`) : undefined;
  }
}

function sessionOf(event: LedgerEvent): string | undefined {
  const { session } = event as { session?: unknown };
  return typeof session === 'string' ? session : undefined;
}
