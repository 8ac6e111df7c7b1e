/** Entries of the log → what the index has to know of them, in texts; numbers come later. */
import { canonicalJson } from '../ledger/canonical-json.ts';
import { type RawEntry, readMembers } from '../ledger/entry-decoder.ts';
import { formHash } from '../ledger/entry-text.ts';
import type { TileSource } from '../ledger/tile-store.ts';
import type { LedgerEvent, StatementForm } from '../model/ledger-entry.ts';
import { eventTerms, formTerms, type SessionOpened, sessionTerms, type Term } from './entry-terms.ts';
import { fold } from './filter/filter.ts';
import { type Item, type ItemState, STATE } from './index-storage.ts';

/** An entry, read but not numbered. */
export interface Draft {
  readonly seq: number;
  readonly at: number;
  readonly kind: string;
  readonly session?: string;
  readonly statement?: number;
  readonly form?: string;
  readonly terms: readonly Term[];
}

/** An outcome, with what it says. */
export interface EndDraft extends Draft {
  readonly session: string;
  readonly statement: number;
  readonly rows: number;
  readonly bytes: number;
  readonly us: number;
  readonly failed: boolean;
}

export interface FormDraft {
  readonly json: string;
  readonly terms: readonly Term[];
  readonly forwarded: boolean;
}

export interface Drafts {
  /** In the log's order: an outcome comes behind its statement. */
  readonly entries: (Draft | EndDraft)[];
  readonly forms: Map<string, FormDraft>;
  readonly sessions: Map<string, { readonly opened: string; readonly terms: readonly Term[] }>;
}

/** @throws {SluiceError} ledger_corrupt */
export async function draftsOf(entries: readonly RawEntry[], source: TileSource): Promise<Drafts> {
  const drafts: Drafts = { entries: [], forms: new Map(), sessions: new Map() };
  for (const raw of entries) {
    const { at, id: _, ...members } = await readMembers(raw, source);
    draft(drafts, raw.seq, count(at), members as Members);
  }
  return drafts;
}

type Members = Record<string, unknown> & { readonly kind: string };

function draft(drafts: Drafts, seq: number, at: number, members: Members): void {
  const { kind } = members;
  const session = typeof members.session === 'string' ? { session: members.session } : {};
  switch (kind) {
    case 'form': {
      const json = canonicalJson(members.form);
      const hash = formHash(json);
      const form = members.form as StatementForm;
      drafts.forms.set(hash, { json, terms: formTerms(form, hash), forwarded: form.decision === 'allow' });
      return;
    }
    case 'outcome': {
      const { statement, bytes, us, sqlstate } = members;
      const terms: Term[] =
        typeof sqlstate === 'string' ? [{ field: 'sqlstate', value: fold(sqlstate) }] : [];
      const numbers = {
        statement: count(statement),
        rows: outcomeRows(members),
        bytes: count(bytes),
        us: count(us),
      };
      drafts.entries.push({
        seq,
        at,
        kind,
        session: '',
        ...session,
        ...numbers,
        failed: sqlstate !== undefined,
        terms,
      });
      return;
    }
    case 'statement': {
      const { approval, sealed, statement, of } = members;
      const terms: Term[] = [
        ...(typeof approval === 'string' ? [{ field: 'approval' as const, value: fold(approval) }] : []),
        ...(sealed === undefined ? [] : [{ field: 'is' as const, value: 'sealed' }]),
      ];
      drafts.entries.push({
        seq,
        at,
        kind,
        ...session,
        statement: count(statement),
        form: String(of),
        terms,
      });
      return;
    }
    case 'session-opened': {
      const opened = members as unknown as SessionOpened;
      drafts.sessions.set(opened.session, { opened: JSON.stringify(opened), terms: sessionTerms(opened) });
      drafts.entries.push({ seq, at, kind, ...session, terms: [] });
      return;
    }
    default:
      drafts.entries.push({
        seq,
        at,
        kind,
        ...(kind === 'finding' ? {} : session),
        terms: eventTerms(members as unknown as LedgerEvent),
      });
  }
}

/** Rows that were returned, or else changed: `UPDATE 5`. */
export function outcomeRows({ rows, tag }: Readonly<Record<string, unknown>>): number {
  if (count(rows) > 0) return count(rows);
  const digits = typeof tag === 'string' ? /^[A-Z]+(?: \d+)? (\d{1,15})$/.exec(tag)?.[1] : undefined;
  return digits === undefined ? 0 : Number(digits);
}

/** Numbers of the index are non-negative integers, whatever stands in an entry. */
function count(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

/** What an outcome makes of its statement's item. */
export const endOf = ({
  seq,
  rows,
  bytes,
  us,
  failed,
}: EndDraft): Pick<Item, 'rows' | 'bytes' | 'us'> & { state: ItemState; ended: number } => ({
  ...{ rows, bytes, us, ended: seq },
  state: failed ? STATE.error : STATE.ok,
});
