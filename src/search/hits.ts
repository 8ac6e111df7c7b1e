/** Items that were found → what people and programs read: the entry itself, from the ledger, with who did it and how it ended. */
import { readMembers, statementOf } from '../ledger/entry-decoder.ts';
import type { LabelRows, LedgerEvent, StatementForm } from '../model/ledger-entry.ts';
import type { SessionOpened } from './entry-terms.ts';
import type { IndexReader, Item, StoredForm, StoredSession } from './index-storage.ts';
import type { LogEntries } from './log-entries.ts';

/** Who was connected, as far as the entry belongs to a session. */
export type HitSession = Pick<
  SessionOpened,
  | 'principal'
  | 'principalKind'
  | 'onBehalfOf'
  | 'purpose'
  | 'database'
  | 'environment'
  | 'client'
  | 'application'
>;

export interface HitOutcome {
  /** Of the outcome's own entry. */
  readonly seq: number;
  readonly at?: number;
  /** Returned, or else changed. */
  readonly rows: number;
  readonly bytes: number;
  readonly durationUs: number;
  readonly tag?: string;
  readonly sqlstate?: string;
  readonly labels?: Readonly<Record<string, LabelRows>>;
}

/** Plain data: it crosses threads and becomes JSON as it is. */
export interface Hit {
  /** Its place in the ledger. */
  readonly seq: number;
  /** `<lane>.<number>`; absent if the entry was pruned. */
  readonly id?: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** As the ledger has it; sealed values stay sealed. Of a pruned entry, what the index knows of it. */
  readonly event: LedgerEvent;
  readonly session?: HitSession;
  readonly outcome?: HitOutcome;
}

export async function hitsOf(items: readonly Item[], reader: IndexReader, log: LogEntries): Promise<Hit[]> {
  const forms = await reader.forms(distinct(items.map(({ form }) => form)));
  const sessions = await reader.sessions(distinct(items.map(({ session }) => session)));
  const hits: Hit[] = [];
  for (const item of items) {
    const form = item.form === null ? undefined : forms.get(item.form);
    const session = item.session === null ? undefined : sessions.get(item.session);
    hits.push(await hitOf(item, form, session, log));
  }
  return hits;
}

async function hitOf(
  item: Item,
  form: StoredForm | undefined,
  session: StoredSession | undefined,
  log: LogEntries,
): Promise<Hit> {
  const { seq, at } = item;
  const raw = await log.get(seq);
  const {
    id,
    at: _,
    ...members
  } = raw === undefined ? lostMembers(item, form, session) : await readMembers(raw, log.source);
  const known = form === undefined || form.json === '' ? undefined : (JSON.parse(form.json) as StatementForm);
  const event =
    members.kind === 'statement'
      ? statementOf(String(id), members, known)
      : (members as unknown as LedgerEvent);
  return {
    seq,
    ...(id === undefined ? {} : { id: id as string }),
    at,
    event,
    ...(session === undefined || session.opened === ''
      ? {}
      : { session: whoOf(JSON.parse(session.opened) as SessionOpened) }),
    ...(item.ended === null ? {} : { outcome: await outcomeOf(item, item.ended, log) }),
  };
}

/** What the index knows of an entry that is gone. */
function lostMembers(
  item: Item,
  form: StoredForm | undefined,
  session: StoredSession | undefined,
): Record<string, unknown> {
  if (form === undefined) return { kind: 'pruned' };
  return { kind: 'statement', of: form.hash, session: session?.session ?? '', statement: item.statement };
}

function whoOf(opened: SessionOpened): HitSession {
  const { principal, principalKind, onBehalfOf, purpose, database, environment, client, application } =
    opened;
  return {
    ...{ principal, principalKind, onBehalfOf, database, environment, client, application },
    ...(purpose === undefined ? {} : { purpose }),
  };
}

async function outcomeOf(item: Item, seq: number, log: LogEntries): Promise<HitOutcome> {
  const raw = await log.get(seq);
  const { tag, sqlstate, labels, at } = (
    raw === undefined ? {} : await readMembers(raw, log.source)
  ) as Partial<HitOutcome>;
  return {
    ...{ seq, rows: item.rows ?? 0, bytes: item.bytes ?? 0, durationUs: item.us ?? 0 },
    ...(at === undefined ? {} : { at }),
    ...(tag === undefined ? {} : { tag }),
    ...(sqlstate === undefined ? {} : { sqlstate }),
    ...(labels === undefined ? {} : { labels }),
  };
}

function distinct(ids: readonly (number | null)[]): number[] {
  return [...new Set(ids.filter((id) => id !== null))];
}
