/**
 * What the ledger holds. Pure types. docs/ledger.md says how an entry is written; schemas/ledger-entry.schema.json describes the bytes.
 *
 * `statement` and `outcome` are separate: a statement whose outcome is missing was in flight when the process ended.
 *
 * The union grows: a reader must pass over kinds it does not know.
 */
import type { BudgetSubject } from './budget.ts';
import type { Action } from './facts.ts';
import type { AffectedRows } from './preview.ts';
import type { BudgetCount } from './standing.ts';
import type { WatchEvent } from './watch-event.ts';

/** What all askings of one statement have in common. The ledger keeps it once and refers to it by its hash. */
export interface StatementForm {
  /** The text in pieces: `literals[i]` stands between `text[i]` and `text[i + 1]`. */
  readonly text: readonly string[];
  readonly command: string;
  readonly actions: readonly Action[];
  /** `action relation(column,…)` of each relation use, as `RelationUse` has them. */
  readonly relations: readonly string[];
  /** Functions it calls, and what of it was not understood, as phrases. */
  readonly functions?: readonly string[];
  readonly opaque?: readonly string[];
  /** Present if it is an UPDATE or DELETE without a predicate. */
  readonly bounded?: false;
  readonly decision: 'allow' | 'hold' | 'deny';
  readonly policies: readonly string[];
  readonly policyVersion: string;
  readonly reason?: string;
  /** `relation.column:label` of each column that was read and is masked. */
  readonly masked?: readonly string[];
  /** Labels that were read as they are. */
  readonly unmasked?: readonly string[];
  /** `relation.column:label` of each hidden column in which a value was looked up, once a lookup. */
  readonly lookups?: readonly string[];
  /** Present if masks were pushed down into the text. */
  readonly rewritten?: true;
}

/** What a finding is about: see docs/behaviour.md. */
export type FindingRule = 'relation' | 'label' | 'hours' | 'rows' | 'refusals' | 'shapes';

/** The group of people that a labelled relation belongs to which names no other. */
export const EVERYONE = 'everyone';

/** Whose values a statement's literals and parameters may hold: they are encrypted under keys of their own. */
export interface PrivacyScope {
  readonly database: string;
  /** Groups of people whom the labelled relations are about; sorted, at least one. */
  readonly subjects: readonly string[];
}

/** How many rows were returned of columns with a label. */
export interface LabelRows {
  readonly masked?: number;
  readonly unmasked?: number;
}

/** A statement as it is appended. The same `form` object for the same plan makes this cheap. Read back as `statement`. */
export interface AskedEvent {
  readonly kind: 'asked';
  readonly session: string;
  /** Unique within the session, counted from 1. */
  readonly statement: number;
  readonly form: StatementForm;
  readonly literals?: readonly string[];
  readonly parameters?: readonly (string | null)[];
  readonly approval?: string;
  /** Present if literals and parameters must not stand in plain sight. */
  readonly privacy?: PrivacyScope;
}

/** What a legal hold is about: entries that fit all that is given. At least one is. */
export interface HoldScope {
  readonly databases?: readonly string[];
  readonly kinds?: readonly string[];
  /** Whoever acted, or was acted for. */
  readonly principals?: readonly string[];
  readonly sessions?: readonly string[];
  /** Milliseconds since 1970, inclusive. */
  readonly from?: number;
  readonly to?: number;
}

/** Who had a change made, as far as that is known. */
export interface ChangeAuthor {
  readonly door: 'start' | 'signal' | 'admin-socket';
  /** The user of the operating system, as the command at the admin socket says. */
  readonly by?: string;
}

export type LedgerEvent =
  | WatchEvent
  | {
      /** The first entry of a lane. */
      readonly kind: 'log-opened';
      /** The version of the entries' schema. */
      readonly schema: number;
      readonly version: string;
    }
  | {
      readonly kind: 'log-recovered';
      /** Bytes of an unfinished write that a crash left at the end and that were cut off. */
      readonly tornBytes: number;
    }
  | {
      readonly kind: 'session-opened';
      readonly session: string;
      readonly principal: string;
      readonly principalKind: string;
      readonly onBehalfOf: readonly string[];
      readonly purpose?: string;
      readonly token?: string;
      readonly database: string;
      readonly environment: string;
      readonly client: string;
      readonly application: string;
      readonly tls: boolean;
      /** SHA-256 of the client's certificate, in hex, and its subject (RFC 4514), if it identified the client. */
      readonly certificate?: string;
      readonly certificateSubject?: string;
    }
  | {
      readonly kind: 'session-closed';
      readonly session: string;
      readonly reason: string;
      /** How many there were; absent if the process that counted them is gone. */
      readonly statements?: number;
    }
  | {
      readonly kind: 'authentication-failed';
      /** Empty where none was named, as at the HTTP door. */
      readonly user: string;
      readonly database: string;
      readonly client: string;
      readonly code: string;
      /** Absent for the database's own protocol. */
      readonly door?: 'http';
      /** How many failures of this client the entry stands for, if more than one. */
      readonly attempts?: number;
    }
  | {
      /** Somebody came in by a door where no session begins: once an hour for each token and address. */
      readonly kind: 'authenticated';
      readonly door: 'http' | 'admin-socket';
      readonly client: string;
      readonly principal?: string;
      readonly onBehalfOf?: readonly string[];
      readonly token?: string;
      /** The user of the operating system, as the command at the admin socket says. */
      readonly by?: string;
    }
  | ({
      readonly kind: 'statement';
      readonly session: string;
      /** Unique within the session, counted from 1. */
      readonly statement: number;
      /** With its literals; where these are encrypted and the key is not at hand, `‹sealed›` stands for each. */
      readonly text: string;
      readonly literals?: readonly string[];
      readonly parameters?: readonly (string | null)[];
      readonly approval?: string;
      /** The hash of the form, SHA-256 in base64url; equal for statements that differ in their values only. */
      readonly of?: string;
      /** The key under which literals and parameters are encrypted, if they could not be read. */
      readonly sealed?: string;
    } & Omit<StatementForm, 'text'>)
  | {
      readonly kind: 'outcome';
      readonly session: string;
      readonly statement: number;
      /** The command tag as the database sent it, or absent after an error. */
      readonly tag?: string;
      readonly rows: number;
      readonly bytes: number;
      readonly sqlstate?: string;
      readonly durationUs: number;
      /** By label; absent if the statement read no labelled column or returned nothing. */
      readonly labels?: Readonly<Record<string, LabelRows>>;
    }
  | {
      readonly kind: 'approval';
      readonly request: string;
      readonly step:
        | 'requested'
        | 'vote'
        | 'escalated'
        | 'previewing'
        | 'previewed'
        | 'approved'
        | 'used'
        | 'denied'
        | 'expired'
        | 'drifted'
        | 'cancelled';
      readonly by?: string;
      /** The account of a chat that stood for the voter, such as `slack:U024BE7LH`; absent if they showed a token. */
      readonly via?: string;
      /** Present exactly if `step` is `vote`. */
      readonly verdict?: 'approve' | 'deny' | 'escalate';
      /** Present if an automatic reviewer answered. */
      readonly automatic?: true;
      readonly reason?: string;
      /** What a preview found; present exactly if `step` is `previewed`. */
      readonly affected?: AffectedRows;
      /** Who may answer as well, since it was escalated. */
      readonly groups?: readonly string[];
      readonly binding?: string;
      readonly session?: string;
      /** What was given with the approval. */
      readonly grant?: string;
    }
  | {
      /** A step of what was granted beyond one statement: a shape of statement, or access for a time. */
      readonly kind: 'grant';
      readonly grant: string;
      readonly step: 'given' | 'used' | 'used-up' | 'expired' | 'revoked';
      /** When it is given: by which request, to whom, until when (milliseconds since the epoch). */
      readonly request?: string;
      readonly principal?: string;
      readonly until?: number;
      /** Of a shape: how often, and the digest of the bounds, which may hold personal data. */
      readonly times?: number;
      readonly terms?: string;
      /** Of access: `group:dba`, `unmask:shop/email`. */
      readonly right?: string;
      /** The session that uses it, and which use it is: the request's own statement is the first. */
      readonly session?: string;
      readonly use?: number;
      /** Who took it back, and why. */
      readonly by?: string;
      readonly reason?: string;
    }
  | ({
      readonly kind: 'policy-loaded';
      readonly version: string;
      readonly files: readonly string[];
      /** Policy by policy, what changed since the last such entry; `before` and `after` are their texts. */
      readonly changes?: readonly {
        readonly id: string;
        readonly file: string;
        readonly before?: string;
        readonly after?: string;
      }[];
    } & Partial<ChangeAuthor>)
  | ({
      readonly kind: 'policy-rejected';
      readonly files: readonly string[];
      readonly error: string;
    } & Partial<ChangeAuthor>)
  | ({
      /** A configuration came into force, or was read and differs. */
      readonly kind: 'config-loaded';
      /** A hash over what it says, without secrets, and that of the last such entry. */
      readonly version: string;
      readonly previous?: string;
      /** Value by value, what came into force since the last such entry. Secrets are never shown. */
      readonly changes: readonly {
        readonly path: string;
        readonly before?: string | number | boolean | null;
        readonly after?: string | number | boolean | null;
      }[];
      /** Paths that differ in the file, but count after the next start only. */
      readonly pending?: readonly string[];
    } & ChangeAuthor)
  | ({
      /** The configuration was read again, and could not be used: the one before stays in force. */
      readonly kind: 'config-rejected';
      readonly error: string;
    } & ChangeAuthor)
  | {
      /** A budget was used up: a statement was refused, held or cut off in the middle of its result. */
      readonly kind: 'budget-exceeded';
      readonly session: string;
      /** The statement that was cut off. */
      readonly statement?: number;
      readonly budget: string;
      readonly count: BudgetCount;
      readonly limit: number;
      readonly windowMs: number;
      /** Whose share of it. */
      readonly subject: BudgetSubject;
      /** Milliseconds since the epoch. */
      readonly refillsAt?: number;
    }
  | {
      readonly kind: 'token-issued';
      readonly token: string;
      readonly principal: string;
      readonly onBehalfOf: readonly string[];
      readonly purpose?: string;
      readonly expiresAt: number;
    }
  | { readonly kind: 'token-revoked'; readonly token: string }
  | {
      /** Somebody read the record: searched it, replayed a session, or read it with the keys that open sealed values. */
      readonly kind: 'audit-read';
      /** Who, as the operating system or the gate knows them. */
      readonly by: string;
      /** What was asked for, as it was written. */
      readonly query: string;
    }
  | {
      /** A principal did what is out of the ordinary for it. */
      readonly kind: 'finding';
      /** The same for the same thing, should it ever be recorded twice. */
      readonly finding: string;
      readonly rule: FindingRule;
      readonly principal: string;
      readonly database: string;
      /** Of the statement that showed it, or that came last. */
      readonly session: string;
      /** A plain sentence. */
      readonly what: string;
      readonly evidence: {
        /** The entry that showed it: its place in the log. */
        readonly seq: number;
        /** When, and since when the principal is known; milliseconds since the epoch. */
        readonly at: number;
        readonly known: number;
        /** When the same was done last; absent for never, and for counts. */
        readonly last?: number;
        /** Within the hour, and the most within one hour before. */
        readonly value?: number;
        readonly usual?: number;
      };
    }
  | {
      /** Data keys go: what was sealed under them cannot be read again. Recorded before they do. */
      readonly kind: 'keys-destroyed';
      readonly by: string;
      readonly keys: readonly string[];
      readonly database: string;
      readonly months: readonly string[];
      readonly subjects: readonly string[];
      readonly reason?: string;
    }
  | {
      /** What is known of columns has changed, and not because of the configuration. */
      readonly kind: 'label';
      /** `copied`: they get values of labelled columns; recorded before they do. */
      readonly step: 'copied' | 'found' | 'forgotten';
      readonly database: string;
      /** `relation.column:label` of each. */
      readonly columns: readonly string[];
      /** The columns whose values are copied. */
      readonly from?: readonly string[];
      /** Who had it forgotten; absent for whoever may open the admin socket. */
      readonly by?: string;
      readonly reason?: string;
    }
  | {
      /** Entries that were kept long enough go; their hashes stay. Recorded before they do. */
      readonly kind: 'entries-pruned';
      readonly by: string;
      readonly run: string;
      readonly entries: number;
      /** Bundles (256 entries each) of which nothing is left: first and last. */
      readonly bundles: readonly (readonly [first: number, last: number])[];
      /** Bundles of which some entries are gone: which ones, a bit an entry, the lowest of each byte first, in base64url. */
      readonly parts: readonly (readonly [bundle: number, bits: string])[];
    }
  | ({
      /** Nothing that a hold is about is pruned until it is released. */
      readonly kind: 'hold-placed';
      readonly hold: string;
      readonly by: string;
      readonly reason: string;
    } & HoldScope)
  | { readonly kind: 'hold-released'; readonly hold: string; readonly by: string; readonly reason: string };

/** An entry as it stands in the ledger. */
export interface LedgerEntry {
  /** 0-based position in the log, without gaps. Before the entry is published: the place it would get now. */
  readonly seq: number;
  /** `<lane>.<number in the lane>`: fixed when it was appended. */
  readonly id: string;
  /** The append lane that took it: one a process. */
  readonly lane: number;
  /** Milliseconds since the epoch; never less than the entry before in its lane. */
  readonly at: number;
  readonly event: LedgerEvent;
}
